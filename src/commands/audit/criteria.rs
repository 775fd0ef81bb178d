//! The criteria of a search, as command-line options.

use crate::audit::Question;
use crate::commands::CommandError;
use std::io::Read;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// All given criteria must hold.
#[derive(Debug, clap::Args)]
pub struct Criteria {
    /// User id, exactly as the identity gave it
    #[arg(long, value_name = "ID")]
    user: Option<Argument>,
    /// NHS number, or - to read it from standard input. A number typed here stays in the shell's history and can be seen in the
    /// list of processes: prefer - or --nhs-number-file
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    nhs_number: Option<Argument>,
    /// File that holds the NHS number
    #[arg(long, value_name = "FILE", conflicts_with = "nhs_number")]
    nhs_number_file: Option<PathBuf>,
    /// Id of the message that went to the SMSP (wsa:MessageID)
    #[arg(long, value_name = "ID")]
    message_id: Option<Argument>,
    /// X-Request-ID, exactly as it was received
    #[arg(long, value_name = "ID")]
    request_id: Option<Argument>,
    /// UUID of a look: everything that belongs to one query to CP-IS
    #[arg(long, value_name = "UUID")]
    look: Option<Argument>,
    /// ODS code of the user's organisation, or of the author that was sent
    #[arg(long, value_name = "ODS")]
    organisation: Option<Argument>,
    /// Code or name of the user's job role
    #[arg(long, value_name = "ROLE")]
    role: Option<Argument>,
    /// The author of the query: id or name of the author that was sent
    #[arg(long, value_name = "ID")]
    authority: Option<Argument>,
    /// asked, answered, failed, unknown, shared, refused, not-held, searched, exported, started, stopped, reloaded, archived
    #[arg(long, value_name = "EVENT")]
    event: Option<Argument>,
    /// Sequence number, or a range: A..B, A.., ..B
    #[arg(long, value_name = "A..B", allow_hyphen_values = true)]
    seq: Option<Argument>,
    /// Not before this: a time with offset (2026-10-14T09:00:00+01:00), or a day in England (2026-10-14)
    #[arg(long, value_name = "TIME")]
    from: Option<Argument>,
    /// Before this time; or to the end of this day
    #[arg(long, value_name = "TIME")]
    to: Option<Argument>,
}

/// What was typed. It may identify a person, so `Debug` shows nothing of it.
#[derive(Clone)]
struct Argument(Zeroizing<String>);

impl std::str::FromStr for Argument {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl std::fmt::Debug for Argument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Argument(..)")
    }
}

/// Longer than any way of writing an NHS number.
const LONGEST_NUMBER: u64 = 64;

impl Criteria {
    /// The question that was typed. `stdin` is read only where the number was given as `-`.
    ///
    /// # Errors
    /// [`CommandError::Settings`] naming the option; never what was typed.
    pub fn question(&self, stdin: impl Read) -> Result<Question, CommandError> {
        let number = self.number(stdin)?;
        let given = [
            ("user", &self.user),
            ("nhs-number", &number),
            ("message-id", &self.message_id),
            ("request-id", &self.request_id),
            ("look", &self.look),
            ("organisation", &self.organisation),
            ("role", &self.role),
            ("authority", &self.authority),
            ("event", &self.event),
            ("seq", &self.seq),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?.0.as_str())));
        Question::read(given).map_err(|error| CommandError::Settings(format!("--{error}")))
    }

    fn number(&self, stdin: impl Read) -> Result<Option<Argument>, CommandError> {
        let unreadable = |from: &str, error: &std::io::Error| {
            CommandError::Settings(format!("the NHS number cannot be read from {from}: {}", error.kind()))
        };
        if let Some(path) = &self.nhs_number_file {
            let file = std::fs::File::open(path).and_then(short);
            return file.map(Some).map_err(|error| unreadable(&path.display().to_string(), &error));
        }
        match &self.nhs_number {
            Some(given) if given.0.as_str() == "-" => {
                short(stdin).map(Some).map_err(|error| unreadable("standard input", &error))
            }
            given => Ok(given.clone()),
        }
    }
}

fn short(from: impl Read) -> std::io::Result<Argument> {
    let mut text = Zeroizing::new(String::with_capacity(128));
    from.take(LONGEST_NUMBER).read_to_string(&mut text)?;
    Ok(Argument(text))
}
