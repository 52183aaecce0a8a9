use super::*;

const WIDE: Bounds = Bounds { log: 1 << 20, folder: 1 << 22 };

fn key(number: u8) -> Key {
    [number; 16]
}

fn read(folder: &Path, name: &str) -> Log {
    let mut log = Log::new(folder, name, WIDE);
    log.refresh().unwrap();
    log
}

fn file(folder: &Path) -> PathBuf {
    folder.join("a.log")
}

/// A log of two records; the bytes of the file, and where the second begins.
fn two_records(folder: &Path) -> (Vec<u8>, usize) {
    let mut log = Log::new(folder, "a", WIDE);
    log.append(&[(key(1), &[-0.25, -1.5])]).unwrap();
    let second = fs::read(file(folder)).unwrap().len();
    log.append(&[(key(2), &[-3.0])]).unwrap();
    (fs::read(file(folder)).unwrap(), second)
}

#[test]
fn what_is_appended_is_read_by_others_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let (mut one, mut other) = (Log::new(folder.path(), "a", WIDE), Log::new(folder.path(), "a", WIDE));
    other.refresh().unwrap();
    assert!(other.get(&key(1)).is_none());
    one.append(&[(key(1), &[-0.1, -f64::MIN_POSITIVE]), (key(2), &[-1e300])]).unwrap();
    other.refresh().unwrap();
    assert_eq!(other.get(&key(1)).unwrap(), [-0.1, -f64::MIN_POSITIVE]);
    // What the other has appended meanwhile is read along, and not written again.
    other.append(&[(key(3), &[-3.0])]).unwrap();
    let length = fs::metadata(file(folder.path())).unwrap().len();
    one.append(&[(key(3), &[-4.0])]).unwrap();
    assert_eq!(fs::metadata(file(folder.path())).unwrap().len(), length);
    assert_eq!(one.get(&key(3)).unwrap(), [-3.0]);
    // What is no number, or no answer, is not kept.
    one.append(&[(key(4), &[f64::NAN]), (key(5), &[-1.0, f64::NEG_INFINITY]), (key(6), &[])]).unwrap();
    assert_eq!(fs::metadata(file(folder.path())).unwrap().len(), length);
    assert_eq!(read(folder.path(), "a").known.len(), 3);
}

#[test]
fn a_torn_record_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, second) = two_records(folder.path());
    for length in second..whole.len() {
        fs::write(file(folder.path()), &whole[..length]).unwrap();
        let mut log = read(folder.path(), "a");
        assert_eq!((log.known.len(), log.read_to), (1, second as u64), "cut to {length} bytes");
        log.append(&[(key(3), &[-0.5; 3])]).unwrap();
        let log = read(folder.path(), "a");
        assert_eq!((log.known.len(), log.get(&key(3))), (2, Some(&[-0.5; 3][..])), "cut to {length} bytes");
    }
}

#[test]
fn a_damaged_record_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, second) = two_records(folder.path());
    for place in second..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0xff;
        fs::write(file(folder.path()), bytes).unwrap();
        let log = read(folder.path(), "a");
        assert_eq!((log.known.len(), log.get(&key(1))), (1, Some(&[-0.25, -1.5][..])), "byte {place}");
    }
}

#[test]
fn another_form_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, _) = two_records(folder.path());
    let mut newer = whole.clone();
    newer[MAGIC.len()] += 1;
    let cut = whole[..HEADER - 1].to_vec();
    for bytes in [newer, cut, Vec::new(), vec![0; 100], vec![0xff; 3000], b"a text of somebody's".to_vec()] {
        fs::write(file(folder.path()), &bytes).unwrap();
        let mut log = read(folder.path(), "a");
        assert!(log.known.is_empty());
        log.append(&[(key(7), &[-7.0])]).unwrap();
        let log = read(folder.path(), "a");
        assert_eq!((log.known.len(), log.get(&key(7))), (1, Some(&[-7.0][..])));
        assert!(fs::metadata(file(folder.path())).unwrap().len() < whole.len() as u64);
    }
}

#[test]
fn the_newer_half_of_a_long_log_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds { log: 1000, folder: 10_000 };
    let (mut log, mut watching) = (Log::new(folder.path(), "a", bounds), Log::new(folder.path(), "a", bounds));
    for number in 0..100 {
        log.append(&[(key(number), &[-f64::from(number)])]).unwrap();
        assert!(fs::metadata(file(folder.path())).unwrap().len() <= 1000);
        assert_eq!(log.get(&key(number)).unwrap(), [-f64::from(number)]);
        // Others find out that the file is another one.
        watching.refresh().unwrap();
        assert_eq!(watching.known, log.known);
    }
    let kept: Vec<u8> = (0..100).filter(|number| log.get(&key(*number)).is_some()).collect();
    assert!(kept.len() >= 10 && kept[0] > 0 && kept.is_sorted() && kept.last() == Some(&99), "{kept:?}");
    assert_eq!(kept.len(), usize::from(100 - kept[0]));
    assert_eq!(read(folder.path(), "a").known.len(), kept.len());
}

#[test]
fn the_folder_keeps_the_logs_written_to_last() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let old = std::time::SystemTime::now() - Duration::from_secs(3600);
    for (age, name) in ["c.log", "b.log", "note.txt", ".unfinished-1"].iter().enumerate() {
        fs::write(at(name), [0; 400]).unwrap();
        let file = File::options().write(true).open(at(name)).unwrap();
        file.set_modified(old - Duration::from_secs(age as u64)).unwrap();
    }
    let mut log = Log::new(folder.path(), "a", Bounds { log: 1000, folder: 600 });
    log.append(&[(key(1), &[-1.0])]).unwrap();
    assert_eq!(["a.log", "c.log", "b.log"].map(|name| at(name).exists()), [true, true, false]);
    assert!(at("note.txt").exists() && !at(".unfinished-1").exists());
    // A log that another program removed is begun again.
    fs::remove_file(at("a.log")).unwrap();
    log.append(&[(key(2), &[-2.0])]).unwrap();
    assert_eq!(read(folder.path(), "a").known.len(), 1);
}

#[test]
fn two_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..2_u8 {
            let folder = folder.path();
            scope.spawn(move || {
                let mut log = Log::new(folder, "a", WIDE);
                for number in 0..100 {
                    let logprobs = [-f64::from(number), -f64::from(writer)];
                    log.append(&[(key(2 * number + writer), &logprobs)]).unwrap();
                }
            });
        }
    });
    let log = read(folder.path(), "a");
    assert_eq!(log.known.len(), 200);
    for number in 0..200_u8 {
        assert_eq!(log.get(&key(number)).unwrap(), [-f64::from(number / 2), -f64::from(number % 2)]);
    }
    assert_eq!(log.read_to, fs::metadata(file(folder.path())).unwrap().len());
}

#[test]
fn a_place_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "a file").unwrap();
    let mut log = Log::new(&folder.path().join("a"), "a", WIDE);
    assert!(log.append(&[(key(1), &[-1.0])]).is_err());
    // Nothing to write is nothing to fail at.
    log.append(&[(key(1), &[f64::NAN])]).unwrap();
    // A folder in the file's place.
    fs::create_dir(folder.path().join("b.log")).unwrap();
    assert!(Log::new(folder.path(), "b", WIDE).append(&[(key(1), &[-1.0])]).is_err());
}
