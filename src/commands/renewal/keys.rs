//! What a key file may become while the service runs.

use crate::secret::KeyMaterial;

/// The key that writes now must still be there, to read what it wrote. The new one stands above it.
///
/// # Errors
/// What to do instead. No key is in it.
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
    fn the_key_that_writes_must_stay_wherever_it_stands() {
        let [old, new, older] = [1, 2, 3].map(|byte| KeyMaterial::new([byte; 32]));
        let before = [old.clone(), older.clone()];
        assert!(keep_the_writing_one("f", &before, &[new.clone(), old.clone()]).is_ok(), "what is older may go");
        assert!(keep_the_writing_one("f", &before, &[old]).is_ok());
        let problem = keep_the_writing_one("audit.chain_key_file", &before, &[new, older]).unwrap_err();
        assert!(problem.starts_with("audit.chain_key_file no longer holds the key that writes now"), "{problem}");
    }
}
