//! The format of the window's file. Each frame has:
//! - the length of everything after the check, 4 bytes; a check over that length and the head, 4 bytes;
//! - the head in clear: the kind, the look's number on the trail, the time;
//! - the content, sealed under that head and the look's key (`remote::keys`).
//!
//! A head identifies nobody, and counts only if the content after it opens.

use super::stamp::{self, Stamp};
use aws_lc_rs::digest;
use std::io::{BufRead, Read, Seek};
use uuid::Uuid;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lookup) enum FrameKind {
    /// The id of a request that belongs to the look; empty for a request without one. The look had begun by then.
    Request,
    /// The outcome of the look.
    Outcome,
}

/// The part of a frame that is in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lookup) struct FrameHead {
    pub kind: FrameKind,
    pub look: Uuid,
    pub at: Stamp,
}

/// The first bytes of a file.
pub(super) const MAGIC: &[u8; 8] = b"CPISWIN1";
const HEAD: usize = 1 + 16 + stamp::LENGTH;
const PREFIX: usize = 8;
/// The longest frame: an answer is limited to a few MiB long before.
const LONGEST: usize = 16 << 20;

impl FrameHead {
    /// The bytes in the file. The sealed content is bound to them.
    pub(in crate::lookup) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD);
        bytes.push(match self.kind {
            FrameKind::Request => 0,
            FrameKind::Outcome => 1,
        });
        bytes.extend_from_slice(self.look.as_bytes());
        self.at.write(&mut bytes);
        bytes
    }

    fn read(bytes: &[u8; HEAD]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        let (look, at) = rest.split_first_chunk::<16>()?;
        let kind = match kind {
            0 => FrameKind::Request,
            1 => FrameKind::Outcome,
            _ => return None,
        };
        Some(Self { kind, look: Uuid::from_bytes(*look), at: Stamp::read(at.try_into().ok()?)? })
    }
}

/// Writes a frame. `None` if it is longer than [`LONGEST`].
pub(super) fn write(head: &FrameHead, sealed: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let bytes = head.bytes();
    let length = u32::try_from(bytes.len() + sealed.len()).ok().filter(|length| *length as usize <= LONGEST)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&check(length, &bytes));
    out.extend_from_slice(&bytes);
    out.extend_from_slice(sealed);
    Some(())
}

fn check(length: u32, head: &[u8]) -> [u8; 4] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&length.to_be_bytes());
    context.update(head);
    let mut check = [0; 4];
    check.copy_from_slice(&context.finish().as_ref()[..4]);
    check
}

/// Reads frames from the front of a file.
pub(super) struct Frames<R> {
    from: R,
    /// It ended within a frame, or holds something else.
    pub is_damaged: bool,
}

impl<R: BufRead + Seek> Frames<R> {
    /// An empty file has no frames. A file that begins with other bytes is damaged.
    pub(super) fn of(mut from: R) -> Self {
        let mut magic = Vec::new();
        let is_read = (&mut from).take(MAGIC.len() as u64).read_to_end(&mut magic).is_ok();
        let is_damaged = !(is_read && (magic.is_empty() || magic == MAGIC));
        Self { from, is_damaged }
    }

    /// The next wanted frame: its head and sealed content. Skips other frames. `None` at the end, and if the file is damaged.
    pub(super) fn next(&mut self, wants: &mut dyn FnMut(&FrameHead) -> bool) -> Option<(FrameHead, Vec<u8>)> {
        while !self.is_damaged {
            let mut prefix = [0; PREFIX + HEAD];
            match fill(&mut self.from, &mut prefix) {
                Some(0) => return None,
                Some(read) if read == prefix.len() => {}
                _ => break,
            }
            let Some((head, sealed)) = understood(&prefix) else { break };
            if wants(&head) {
                let mut bytes = vec![0; sealed];
                if fill(&mut self.from, &mut bytes) != Some(sealed) {
                    break;
                }
                return Some((head, bytes));
            }
            if self.from.seek_relative(i64::try_from(sealed).unwrap_or(i64::MAX)).is_err() {
                break;
            }
        }
        self.is_damaged = true;
        None
    }
}

/// The head of a frame, and the length of its sealed content. `None` if the check fails.
fn understood(prefix: &[u8; PREFIX + HEAD]) -> Option<(FrameHead, usize)> {
    let (length, rest) = prefix.split_first_chunk::<4>()?;
    let (is, head) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length);
    if check(length, head) != *is {
        return None;
    }
    let sealed = (length as usize).checked_sub(HEAD).filter(|sealed| *sealed <= LONGEST)?;
    Some((FrameHead::read(head.try_into().ok()?)?, sealed))
}

/// Fills `bytes`, and returns how many could be read: fewer only at the end of the file. `None` on an error.
fn fill(from: &mut impl Read, bytes: &mut [u8]) -> Option<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match from.read(&mut bytes[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(read)
}
