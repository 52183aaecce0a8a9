//! How much memory there is to use.

/// Bytes that can be used without making the machine swap, where the system says it (Linux's `MemAvailable`).
pub fn available() -> Option<usize> {
    parse(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn parse(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_what_linux_writes() {
        assert_eq!(super::parse("MemTotal:  24 kB\nMemAvailable:   12345 kB\n"), Some(12_345 * 1024));
        assert_eq!(super::parse("MemTotal:  24 kB\n"), None);
        assert_eq!(super::parse("MemAvailable: many kB"), None);
    }
}
