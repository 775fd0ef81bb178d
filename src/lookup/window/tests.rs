use super::file::WindowFile;
use super::frame::Frames;
use super::*;
use crate::cpis::{CareSetting, NhsNumber};
use crate::fhir::samples;
use std::io::Cursor;
use uuid::Uuid;

const KEEP_FOR: Duration = Duration::from_mins(6);

fn keys(first: u8) -> Vec<KeyMaterial> {
    vec![KeyMaterial::new([first; 32]), KeyMaterial::new([first + 1; 32])]
}

fn key(user: &str) -> LookKey {
    let number = samples::large().about;
    LookKey::from_parts(number, "issuer".into(), user.into(), "R0260".into(), "rx1", CareSetting::Maternity)
}

fn frame(kind: FrameKind, look: Uuid) -> FrameHead {
    FrameHead { kind, look, at: Stamp::now() }
}

/// A file with an answer and two requests of one look, sealed for `user` with the first of `keys`.
fn file_of(look: Uuid, user: &str, keys: &[KeyMaterial]) -> Vec<u8> {
    let keys = StoreKeys::new(keys).unwrap();
    let mut bytes = frame::MAGIC.to_vec();
    for id in ["an-id-of-a-request", ""] {
        let head = frame(FrameKind::Request, look);
        let words = head.bytes();
        let sealed = keys.seal(KeyNumber::FIRST, &key(user), Purpose::Window(&words), id.as_bytes().to_vec().into()).unwrap();
        frame::write(&head, &sealed, &mut bytes).unwrap();
    }
    let head = frame(FrameKind::Outcome, look);
    let words = head.bytes();
    let outcome = StoredOutcome { came: RedisTime(0), origin: None, result: StoredResult::Answer(Arc::new(samples::large())) };
    let sealed = outcome.seal(&keys, KeyNumber::FIRST, &key(user), Purpose::Window(&words)).unwrap();
    frame::write(&head, &sealed, &mut bytes).unwrap();
    bytes
}

struct FileContent {
    ids: Vec<Option<Box<str>>>,
    answers: usize,
    closed: u64,
    is_whole: bool,
}

/// What a start finds if it knows `look` as a look of `user`.
fn found(bytes: &[u8], look: Uuid, user: &str, keys: &[KeyMaterial]) -> FileContent {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("window");
    std::fs::write(&path, bytes).unwrap();
    let earlier = EarlierWindow::open(&path, keys, KEEP_FOR).unwrap();
    let key = key(user);
    let (mut ids, mut answers) = (Vec::new(), 0);
    let (closed, is_whole) = earlier
        .open_each(&|head| (head.look == look).then_some(&key), &mut |_, content| match content {
            FrameContent::Request(id) => ids.push(id),
            FrameContent::Outcome(outcome) => {
                assert_eq!(*outcome.unwrap(), samples::large());
                answers += 1;
            }
        })
        .unwrap();
    FileContent { ids, answers, closed, is_whole }
}

#[test]
fn what_was_written_is_read_with_either_key() {
    let look = Uuid::new_v4();
    let bytes = file_of(look, "user", &keys(1));
    let rotated = [KeyMaterial::new([9; 32]), KeyMaterial::new([1; 32])];
    for keys in [keys(1), rotated.to_vec()] {
        let found = found(&bytes, look, "user", &keys);
        assert_eq!((found.ids, found.answers), (vec![Some("an-id-of-a-request".into()), None], 1));
        assert!(found.closed == 0 && found.is_whole);
    }
}

#[test]
fn what_another_look_or_another_key_wrote_is_not_opened() {
    let look = Uuid::new_v4();
    let bytes = file_of(look, "user", &keys(1));
    for (user, keys) in [("another user", keys(1)), ("user", keys(5))] {
        let found = found(&bytes, look, user, &keys);
        assert_eq!((found.ids.len(), found.answers, found.closed), (0, 0, 3));
    }
    let unknown = found(&bytes, Uuid::new_v4(), "user", &keys(1));
    assert_eq!((unknown.ids.len(), unknown.answers, unknown.closed), (0, 0, 0));
}

#[test]
fn a_file_cut_at_any_byte_gives_what_stands_before_the_cut() {
    let look = Uuid::new_v4();
    let bytes = file_of(look, "user", &keys(1));
    let key = key("user");
    let _ = &key;
    for length in 0..bytes.len() {
        let mut frames = Frames::of(Cursor::new(&bytes[..length]));
        let mut whole = 0;
        while frames.next(&mut |_| true).is_some() {
            whole += 1;
        }
        assert!(whole < 3, "{length}");
        let is_between_frames = length == 0 || length == frame::MAGIC.len() || whole > 0 && !frames.is_damaged;
        assert_eq!(!frames.is_damaged, is_between_frames, "{length}");
    }
}

#[test]
fn no_changed_byte_gives_another_answer() {
    let look = Uuid::new_v4();
    let bytes = file_of(look, "user", &keys(1));
    // Every byte of the first frames, and some of the answer.
    for at in (0..400).chain((400..bytes.len()).step_by(97)) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        let found = found(&changed, look, "user", &keys(1));
        assert!(found.ids.len() + found.answers < 3, "byte {at} does not matter");
    }
}

#[test]
fn a_start_keeps_what_counts_and_writes_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("window");
    let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
    let mut bytes = file_of(one, "user", &keys(1));
    bytes.extend_from_slice(&file_of(other, "user", &keys(1))[frame::MAGIC.len()..]);
    bytes.extend_from_slice(b"a torn end");
    std::fs::write(&path, &bytes).unwrap();
    let mut file = WindowFile::open(&path, KEEP_FOR).unwrap();
    file.tidy(&mut |head| head.look == one).unwrap();
    let mut more = Vec::new();
    frame::write(&frame(FrameKind::Request, other), b"sealed", &mut more).unwrap();
    file.append(&more).unwrap();
    let mut looks = Vec::new();
    assert!(file.each(&mut |_| true, &mut |head, _| looks.push(head.look)).unwrap());
    assert_eq!(looks, [one, one, one, other]);
}

#[test]
fn a_file_is_one_services() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("window");
    let first = EarlierWindow::open(&path, &keys(1), KEEP_FOR).unwrap();
    assert_eq!(EarlierWindow::open(&path, &keys(1), KEEP_FOR).err(), Some(WindowError::Taken));
    drop(first);
    assert!(EarlierWindow::open(&path, &keys(1), KEEP_FOR).is_ok());
}

#[test]
fn what_has_expired_leaves_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("window");
    let mut file = WindowFile::open(&path, Duration::from_millis(40)).unwrap();
    let on_disk = |path: &Path| {
        let files = [path.to_owned(), path.with_extension("old")];
        files.into_iter().filter_map(|file| std::fs::read(file).ok()).flatten().count()
    };
    let mut frames = Vec::new();
    frame::write(&frame(FrameKind::Request, Uuid::new_v4()), &[0; 500], &mut frames).unwrap();
    file.append(&frames).unwrap();
    assert!(on_disk(&path) > 500);
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(50));
        file.expire().unwrap();
    }
    assert!(on_disk(&path) < 500);
}

#[test]
fn a_file_that_was_deleted_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("window");
    let mut file = WindowFile::open(&path, KEEP_FOR).unwrap();
    std::fs::remove_file(&path).unwrap();
    let mut frames = Vec::new();
    frame::write(&frame(FrameKind::Request, Uuid::new_v4()), b"sealed", &mut frames).unwrap();
    file.append(&frames).unwrap();
    assert!(std::fs::read(&path).unwrap().ends_with(&frames));
}

#[test]
fn an_answer_about_another_child_is_none_whatever_sealed_it() {
    let (look, keys) = (Uuid::new_v4(), keys(1));
    let number = NhsNumber::parse("9990000034").unwrap();
    assert_ne!(number, samples::large().about);
    let other = LookKey::from_parts(number, "issuer".into(), "user".into(), "R0260".into(), "RX1", CareSetting::Maternity);
    let folder = tempfile::tempdir().unwrap();
    let earlier = EarlierWindow::open(&folder.path().join("window"), &keys, KEEP_FOR).unwrap();
    let head = frame(FrameKind::Outcome, look);
    let words = head.bytes();
    let outcome = StoredOutcome { came: RedisTime(0), origin: None, result: StoredResult::Answer(Arc::new(samples::large())) };
    let sealed = outcome.seal(&earlier.keys, KeyNumber::FIRST, &other, Purpose::Window(&words)).unwrap();
    assert!(earlier.content(&head, &other, &sealed).is_none());
    let failed =
        StoredOutcome { came: RedisTime(0), origin: None, result: StoredResult::Failure(Arc::new(LookError::timeout())) };
    let sealed = failed.seal(&earlier.keys, KeyNumber::FIRST, &other, Purpose::Window(&words)).unwrap();
    assert!(earlier.content(&head, &other, &sealed).is_some());
}
