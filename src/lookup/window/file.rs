//! The files of the window: the current one, and the one before it, which is deleted when everything in it has expired.

use super::frame::{self, FrameHead, Frames, MAGIC};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A larger file becomes the earlier one, expired or not. Looks whose answers are lost by that are still not asked again.
const LARGEST: u64 = 64 << 20;

/// The window's file, open for one service.
pub(super) struct WindowFile {
    path: PathBuf,
    file: File,
    length: u64,
    /// When the first of its frames may have been written.
    began: Instant,
    /// When everything in the earlier file has expired.
    earlier_until: Option<Instant>,
    keep_for: Duration,
    /// The system releases it when the process ends, however it ends.
    _lock: File,
}

/// Why the window has no file. The service goes on without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("another service has it open; each needs a file of its own")]
    Taken,
    #[error("it cannot be opened or written: {0}")]
    Io(ErrorKind),
    #[error("no thread can be started: {0}")]
    Thread(ErrorKind),
    #[error("no key can be made for it")]
    NoKey,
}

impl From<std::io::Error> for WindowError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.kind())
    }
}

impl WindowFile {
    /// Takes the file for this service. Its content stays as it is until [`WindowFile::tidy`].
    pub(super) fn open(path: &Path, keep_for: Duration) -> Result<Self, WindowError> {
        let lock = private().create(true).truncate(false).open(with_suffix(path, ".lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(WindowError::Taken),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let file = append_to(path)?;
        let length = file.metadata()?.len();
        let began = Instant::now();
        let mut window = Self { path: path.to_owned(), file, length, began, earlier_until: None, keep_for, _lock: lock };
        window.earlier_until = window.earlier().exists().then(|| began + keep_for);
        Ok(window)
    }

    /// Passes every wanted frame to `each`, in the order in which they were written. True if the whole file could be read.
    pub(super) fn each(
        &self,
        wants: &mut dyn FnMut(&FrameHead) -> bool,
        each: &mut dyn FnMut(FrameHead, Vec<u8>),
    ) -> Result<bool, WindowError> {
        let mut is_whole = true;
        for path in [self.earlier(), self.path.clone()] {
            let file = match File::open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened?,
            };
            let mut frames = Frames::of(BufReader::new(file));
            while let Some((head, sealed)) = frames.next(wants) {
                each(head, sealed);
            }
            is_whole &= !frames.is_damaged;
        }
        Ok(is_whole)
    }

    /// Writes the frames that `keeps` selects to a new file, so that nothing is ever written after a torn end.
    pub(super) fn tidy(&mut self, keeps: &mut dyn FnMut(&FrameHead) -> bool) -> Result<(), WindowError> {
        let new = with_suffix(&self.path, ".new");
        let mut out = BufWriter::new(private().create(true).truncate(true).open(&new)?);
        out.write_all(MAGIC)?;
        let mut failed = None;
        let mut bytes = Vec::new();
        self.each(keeps, &mut |head, sealed| {
            bytes.clear();
            if frame::write(&head, &sealed, &mut bytes).is_some() {
                failed = failed.take().or_else(|| out.write_all(&bytes).err());
            }
        })?;
        failed.map_or(Ok(()), Err)?;
        out.into_inner().map_err(|error| WindowError::Io(error.error().kind()))?;
        std::fs::rename(&new, &self.path)?;
        self.take_up()?;
        self.forget_earlier();
        Ok(())
    }

    /// Appends whole frames. A partial write is removed again.
    pub(super) fn append(&mut self, frames: &[u8]) -> Result<(), WindowError> {
        self.expire()?;
        if self.length == 0 {
            self.write(MAGIC)?;
        }
        self.write(frames)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WindowError> {
        if let Err(error) = self.file.write_all(bytes) {
            self.file.set_len(self.length)?;
            return Err(error.into());
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Deletes what has expired. To be called regularly.
    pub(super) fn expire(&mut self) -> Result<(), WindowError> {
        let now = Instant::now();
        if self.earlier_until.is_some_and(|until| now >= until) {
            self.forget_earlier();
        }
        let is_old = self.length > MAGIC.len() as u64 && now >= self.began + self.keep_for;
        if is_old || self.length > LARGEST {
            std::fs::rename(&self.path, self.earlier())?;
            self.earlier_until = Some(now + self.keep_for);
            self.take_up()?;
        } else if !self.path.exists() {
            self.take_up()?;
        }
        Ok(())
    }

    /// Writes to the file at the path from now on.
    fn take_up(&mut self) -> Result<(), WindowError> {
        self.file = append_to(&self.path)?;
        self.length = self.file.metadata()?.len();
        self.began = Instant::now();
        Ok(())
    }

    fn forget_earlier(&mut self) {
        self.earlier_until = None;
        // If it stays, its frames have expired and do not count.
        let _ = std::fs::remove_file(self.earlier());
    }

    fn earlier(&self) -> PathBuf {
        with_suffix(&self.path, ".old")
    }
}

fn append_to(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    owner_only(&mut options);
    options.open(path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    owner_only(&mut options);
    options
}

/// Only its owner may read it, as with the trail's files.
fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
