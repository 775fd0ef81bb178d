//! The body of an answer, in pieces, so that what waits to be sent is short; and when all of it has been handed over.

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// How much actix-http is given at once, and how much it keeps before it writes.
pub const PIECE: usize = 16 * 1024;

/// How far a connection is with its current request. Request and answer are handled on one thread.
#[derive(Debug, Default)]
pub struct Progress {
    /// The whole body has arrived.
    pub has_body: Cell<bool>,
    /// actix-http has the whole answer.
    pub is_answered: Cell<bool>,
}

/// The body of an answer.
#[derive(Debug)]
pub struct Answer {
    rest: Bytes,
    progress: Option<Rc<Progress>>,
}

impl Answer {
    pub fn new(body: Bytes, progress: Option<Rc<Progress>>) -> Self {
        Self { rest: body, progress }
    }
}

impl MessageBody for Answer {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let rest = &mut self.get_mut().rest;
        let piece = rest.split_to(rest.len().min(PIECE));
        Poll::Ready((!piece.is_empty()).then_some(Ok(piece)))
    }
}

/// actix-http drops a body when all of it is in its buffer, or if it does not send it (HEAD, 304).
impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            progress.is_answered.set(true);
        }
    }
}
