//! Files mapped into memory, read only.
//!
//! The weights of a model are read straight from the mapped file, so that nothing is copied that is not used. A file that
//! another program cuts while it is mapped makes reads past its new end fault; programs that replace model files (ours,
//! the hub's clients, pip) write a new file and rename it, which leaves the mapped one as it was.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;

/// Maps the file at `path`; an empty file is an error, as it cannot be mapped everywhere.
pub fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder, not a file"));
    }
    if metadata.len() == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is empty"));
    }
    // SAFETY: the map is private and read-only. Its bytes change under us only if another program writes into the
    // same file in place; whatever the bytes are, they are read as plain numbers and checked like any other input. See
    // the note on files that are cut at the head of this module.
    unsafe { Mmap::map(&file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_a_file_and_refuses_folders_and_empty_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        std::fs::write(&path, b"abc").unwrap();
        assert_eq!(&map(&path).unwrap()[..], b"abc");
        std::fs::write(&path, b"").unwrap();
        assert_eq!(map(&path).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(map(folder.path()).is_err());
        assert_eq!(map(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
