//! `audit export`.

use super::criteria::Criteria;
use super::entries;
use super::results::Results;
use crate::audit::{EndFault, Event, Inquiry, Mac, Question};
use crate::commands::CommandError;
use crate::export::{ExportFormat, LABEL};
use aws_lc_rs::digest::{Context, SHA256};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct ExportOptions {
    #[command(flatten)]
    pub criteria: Criteria,
    /// fhir: FHIR R4 AuditEvents, one a line (NDJSON). pars: who accessed whose record when, as CSV. lines: every field, one JSON
    /// object a line
    #[arg(long, value_enum)]
    pub format: Format,
    /// The file to write. It must not exist yet
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Format {
    Fhir,
    Pars,
    Lines,
}

impl Format {
    fn form(self) -> ExportFormat {
        match self {
            Self::Fhir => ExportFormat::Fhir,
            Self::Pars => ExportFormat::AccessReport,
            Self::Lines => ExportFormat::Lines,
        }
    }
}

/// What was written.
struct FileSummary {
    entries: u64,
    bytes: u64,
    /// SHA-256 of the file, shown as the trail shows any 32 bytes.
    hash: Mac,
    /// A sentence on what the file cannot hold.
    unsearched: String,
}

/// Puts the export on the trail, and then writes what it finds. Returns the text to print.
///
/// # Errors
/// [`CommandError::Failed`]: there is no file; or the file exists, and names the lines in it that were changed.
pub async fn run(
    inquiry: &Inquiry,
    end: Option<EndFault>,
    question: &Question,
    options: &ExportOptions,
) -> Result<String, CommandError> {
    let form = options.format.form();
    if options.out.exists() {
        return Err(CommandError::Settings(format!("--out: {} already exists", options.out.display())));
    }
    // The file must be writable before the trail records an export.
    let draft = PartialFile::create(&options.out).map_err(|error| unwritable(&options.out, &error))?;
    let mut results = Results::of(inquiry, end, question, Event::Exported, &format!("format {}", form.name())).await?;
    let FileSummary { entries: count, bytes, hash, unsearched } = write(&mut results, form, draft, &options.out).await?;
    let (entries, path) = (entries(count), options.out.display());
    let said = format!("{entries}, {bytes} bytes: {path}.{unsearched}\nSHA-256 {hash}\n{LABEL}");
    results.verdict().map_err(|error| CommandError::Failed(format!("{said}\n{error}")))?;
    Ok(said)
}

async fn write(
    results: &mut Results<'_>,
    form: ExportFormat,
    draft: PartialFile,
    path: &Path,
) -> Result<FileSummary, CommandError> {
    let unwritable = |error: std::io::Error| unwritable(path, &error);
    let mut out = HashWriter { inner: BufWriter::new(draft), hash: Context::new(&SHA256), bytes: 0 };
    out.put(&form.head()).map_err(unwritable)?;
    let mut entries = 0;
    while let Some(hit) = results.next().await? {
        out.put(&form.write(&hit)).map_err(unwritable)?;
        entries += 1;
    }
    let unsearched = results.unsearched().await?;
    let draft = out.inner.into_inner().map_err(|error| unwritable(error.into_error()))?;
    draft.keep(path).map_err(unwritable)?;
    let mut hash = [0; 32];
    hash.copy_from_slice(out.hash.finish().as_ref());
    Ok(FileSummary { entries, bytes: out.bytes, hash: Mac(hash), unsearched })
}

fn unwritable(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::Failed(format!("{} cannot be written: {error}", path.display()))
}

/// Counts and hashes the bytes on their way.
struct HashWriter<W> {
    inner: W,
    hash: Context,
    bytes: u64,
}

impl<W: Write> HashWriter<W> {
    fn put(&mut self, text: &str) -> std::io::Result<()> {
        self.hash.update(text.as_bytes());
        self.bytes += text.len() as u64;
        self.inner.write_all(text.as_bytes())
    }
}

/// A file next to the final one under a temporary name, readable only by its owner; removed unless renamed.
struct PartialFile {
    file: File,
    path: PathBuf,
    is_renamed: bool,
}

impl PartialFile {
    fn create(wanted: &Path) -> std::io::Result<Self> {
        let mut name = wanted.as_os_str().to_owned();
        name.push(format!(".{}.part", uuid::Uuid::new_v4()));
        let path = PathBuf::from(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path, is_renamed: false })
    }

    /// Makes the file durable under its final name, whole or not at all. A file that was created there meanwhile is left alone.
    fn keep(mut self, wanted: &Path) -> std::io::Result<()> {
        self.file.sync_all()?;
        match std::fs::hard_link(&self.path, wanted) {
            // Dropping this removes the temporary name.
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(error),
            // A file system without links.
            Err(_) => {
                std::fs::rename(&self.path, wanted)?;
                self.is_renamed = true;
            }
        }
        let folder = wanted.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.is_renamed {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
