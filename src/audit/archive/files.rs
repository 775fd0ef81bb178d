//! An archive's files: written whole and synced, or not at all.

use super::manifest::Digest;
use super::{ArchiveError, ArchivedLine};
use crate::audit::Line;
use aws_lc_rs::digest::{Context, SHA256};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// A file that is not yet under its name; removed unless [`PartialFile::finish`]ed.
pub(super) struct PartialFile {
    path: PathBuf,
    file: BufWriter<File>,
    digest: Context,
    bytes: u64,
}

/// This program never writes a longer line.
const LONGEST_LINE: u64 = 1 << 20;

impl PartialFile {
    pub(super) fn new(folder: &Path) -> Result<Self, ArchiveError> {
        let path = folder.join(format!(".cpis-fhir-archive-{}.part", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = BufWriter::new(options.open(&path)?);
        Ok(Self { path, file, digest: Context::new(&SHA256), bytes: 0 })
    }

    pub(super) fn line(&mut self, line: &Line) -> Result<(), ArchiveError> {
        let record = ArchivedLine::of(line).ok_or(ArchiveError::Broken(line.seq))?;
        let mut text = serde_json::to_vec(&record).map_err(|_| ArchiveError::Broken(line.seq))?;
        text.push(b'\n');
        self.write(&text)
    }

    pub(super) fn write(&mut self, text: &[u8]) -> Result<(), ArchiveError> {
        self.digest.update(text);
        self.bytes += text.len() as u64;
        Ok(self.file.write_all(text)?)
    }

    pub(super) fn digest(&self) -> Digest {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.digest.clone().finish().as_ref());
        (self.bytes, sha256)
    }

    /// Syncs the file and gives it its final name, unless a file with other content has that name.
    pub(super) fn finish(mut self, path: &Path) -> Result<(), ArchiveError> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        match digest_of(path) {
            Ok(there) if there != self.digest() => return Err(ArchiveError::Exists),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
        std::fs::rename(&self.path, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(File::open(folder)?.sync_all()?)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        // Already gone if the file got its final name.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn digest_of(path: &Path) -> std::io::Result<Digest> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut digest, mut bytes) = (Context::new(&SHA256), 0);
    loop {
        let chunk = file.fill_buf()?;
        let length = chunk.len();
        if length == 0 {
            break;
        }
        digest.update(chunk);
        bytes += length as u64;
        file.consume(length);
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest.finish().as_ref());
    Ok((bytes, sha256))
}

/// Passes every line of an archive to `each`, `None` for one that cannot be read, and returns the content of the file.
pub(super) fn read_lines(path: &Path, mut each: impl FnMut(Option<Line>)) -> Result<Digest, ArchiveError> {
    let mut file = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut file).take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        each(serde_json::from_slice::<ArchivedLine>(&line).ok().and_then(ArchivedLine::into_line));
    }
    Ok(digest_of(path)?)
}
