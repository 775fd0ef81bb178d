//! Which changes of a key file are allowed while the service runs.

use crate::secret::KeyMaterial;

/// Checks that the key that writes now is still there, to read what it wrote. The new key must be above it.
///
/// # Errors
/// What to do instead. It contains no key.
pub fn keep_the_writing_one(file: &str, before: &[KeyMaterial], after: &[KeyMaterial]) -> Result<(), String> {
    if before.first().is_none_or(|writes| after.contains(writes)) {
        return Ok(());
    }
    Err(format!(
        "{file} no longer holds the key that writes now; put the new key above it and leave it there until the next start"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_writes_must_stay_at_any_position() {
        let [old, new, older] = [1, 2, 3].map(|byte| KeyMaterial::new([byte; 32]));
        let before = [old.clone(), older.clone()];
        assert!(keep_the_writing_one("f", &before, &[new.clone(), old.clone()]).is_ok(), "what is older may go");
        assert!(keep_the_writing_one("f", &before, &[old]).is_ok());
        let problem = keep_the_writing_one("audit.chain_key_file", &before, &[new, older]).unwrap_err();
        assert!(problem.starts_with("audit.chain_key_file no longer holds the key that writes now"), "{problem}");
    }
}
