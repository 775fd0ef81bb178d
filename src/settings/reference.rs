//! Generates the reference for operators, `docs/settings.md`, from the table of keys.

use super::key::{Initial, Row};
use super::names::variable;
use super::table::ROWS;
use std::fmt::Write as _;

const HEAD: &str = "\
# Settings

<!-- Generated from src/settings/table.rs by `UPDATE_DOCS=1 cargo test --lib settings::`. -->

Settings come from one TOML file (`--config FILE`, or the variable `CPIS_FHIR_CONFIG`) and from environment variables;
where both set a key, the variable wins. `smsp.breaker.failures` is

```toml
[smsp.breaker]
failures = 5
```

in the file and `CPIS_FHIR__SMSP__BREAKER__FAILURES=5` in the environment: the prefix `CPIS_FHIR__`, then the parts of the
key with `__` between them, in any letter case. The service does not start with an unknown key, a missing file or keys that
contradict each other: one message names every fault, and the exit code is 2. `cpis-fhir check` reads the settings without
starting the service.

- **Durations** are a whole number with a unit: `250ms`, `20s`, `5m`, `1h`. A number without a unit is refused, except 0. The
  maximum is 24h.
- **Days** are a whole number with `d`: `1096d`.
- **Sizes** are a number of bytes, or a whole number with `KiB`, `MiB` or `GiB`.
- **Lists** are arrays; in a variable, the text of an array (`[\"demo\"]`) or words separated by commas (`B0107,B0170`).
- **Lists of tables** (`access.issuers[]`, `access.organisations[]`) are arrays of tables in the file. In the environment they are
  the text of an array, in TOML (`[{ods=\"X26\", name=\"Example\"}]`) or JSON, or single keys with a number from 0:
  `CPIS_FHIR__ACCESS__ORGANISATIONS__0__ODS=X26`. The text of an array replaces the file's list; a single key changes one item of it.
- **Secrets** are files, never values. Only its owner should be able to read a secret's file.
- **Key files** hold 32 bytes as 64 hex digits or base64, for example from `openssl rand -hex 32`. Each line is a key. The
  first key writes and all keys read: to change a key, add the new one as the first line.
- **Demo** means `access.modes = [\"demo\"]`: both listeners must be on loopback, and random keys replace key files that are
  not named. The random keys are lost at a restart.
- **Paths of claims** are names with dots between them: `trust.role`. After the name of a list, `[field=path]` selects the item
  whose `field` equals the value at `path`, read from the top of the token: `nhsid_nrbac_roles[person_roleid=selected_roleid].role_code`. If
  `path` is not in the token, or there is no selector, the list must have one item: a user with two roles and none selected is
  refused; the service never guesses. A claim whose name is the whole path, including the dots, takes precedence.
- **SMART scopes** (`scope` or `scp`): a token with any of `patient/`, `user/` or `system/` is limited to the types that they name: `s` for
  searches, `r` for reads and for every type that an include could add; version 1's `.read` is both. All three contexts count the
  same. Without such a scope there is no limit.
- **Files are read again while the service runs**: when a file that a setting names (certificate, key, CA, key file, password) changes,
  and at SIGHUP. No request is dropped. Each part (`smsp`, `server.tls`, `admin.tls`, `access.issuers`, `fhir.id_key_file`, `audit`, `lookup`)
  is renewed separately. If it cannot be used, or our certificate in it is outside its validity, the previous one stays in use, an
  error in the log says why, and a metric counts it. A key file must keep the key that writes, below the new one. At SIGHUP the log
  names any other setting that changed; it takes effect at the next start.
- A certificate that is expired, not valid yet or about to expire is a warning at the start: a service that runs can say that CP-IS
  could not be asked, and loads a new certificate as soon as there is one.

The OpenTelemetry SDK's own variables (`OTEL_...`) also apply.
";

const SECTIONS: [(&str, &str); 11] = [
    ("server", "The FHIR listener"),
    ("admin", "The admin listener"),
    ("smsp", "The Spine mini service"),
    ("author", "The author of a query"),
    ("cpis", "CP-IS"),
    ("access", "Who may ask"),
    ("lookup", "One look, one notification"),
    ("audit", "The trail"),
    ("fhir", "The FHIR API"),
    ("limits", "Limits"),
    ("telemetry", "Telemetry"),
];

/// `docs/settings.md`: every key with its variable, form, default and meaning.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for (section, title) in SECTIONS {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## {title}: `{section}`\n\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
        for row in ROWS.iter().filter(|row| row.name.split('.').next() == Some(section)) {
            text.push_str(&line(row));
        }
    }
    text
}

fn line(row: &Row) -> String {
    let default = match &row.default {
        Initial::Required => "**required**".to_owned(),
        Initial::Is(value) => format!("`{value}`"),
        Initial::Otherwise(words) => words.to_string(),
    };
    let cells = [row.kind.wanted(), default, row.meaning.to_string()].map(|cell| cell.replace('|', "\\|"));
    format!("| `{}`<br>`{}` | {} |\n", row.name, variable(&row.name), cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_in_docs_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap();
            std::fs::write(path, reference()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == reference(), "docs/settings.md does not match the table; regenerate it with UPDATE_DOCS=1");
    }

    #[test]
    fn every_key_has_its_row() {
        let text = reference();
        for row in ROWS.iter() {
            assert!(text.contains(&format!("| `{}`<br>`{}` |", row.name, variable(&row.name))), "{}", row.name);
        }
    }
}
