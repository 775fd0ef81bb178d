//! The user of the command line, as the operating system knows them.

use crate::audit::{RequestFacts, Who};
use crate::commands::CommandError;

/// The person, as far as known.
pub struct Operator {
    pub who: Who,
    /// Who became this user through sudo, if sudo says so. Root could set anything.
    through_sudo: Option<String>,
}

/// The user that this process runs as: by name, or by number where the number has no name, as in many containers.
///
/// # Errors
/// [`CommandError::Failed`] if the system does not say.
pub fn who() -> Result<Operator, CommandError> {
    let user = whoami::username().ok().or_else(number);
    let user = user.ok_or_else(|| {
        CommandError::Failed("nothing is shown because the operating system does not say which user this is".to_owned())
    })?;
    let who = Who {
        issuer: Some("command".into()),
        name: whoami::realname().ok().filter(|name| !name.is_empty() && *name != user).map(Into::into),
        user_id: Some(user.into()),
        ..Who::default()
    };
    Ok(Operator { who, through_sudo: std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty()) })
}

fn number() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").ok().map(|own| format!("uid {}", own.uid()))
}

/// The command, and the machine that it runs on.
pub fn request(interaction: &str) -> RequestFacts {
    RequestFacts {
        interaction: Some(interaction.into()),
        source_system: whoami::hostname().ok().filter(|name| !name.is_empty()).map(Into::into),
        ..RequestFacts::default()
    }
}

impl Operator {
    /// `manner`, with the name behind sudo.
    pub fn manner(&self, manner: &str) -> String {
        match &self.through_sudo {
            Some(name) => format!("{manner}; through sudo by {name}"),
            None => manner.to_owned(),
        }
    }
}
