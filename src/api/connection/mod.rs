//! What stands between a socket and actix-http: one request at a time, with a deadline for everything that a caller does
//! (docs/adr/0015).
//!
//! actix-http reads 128 KiB ahead, takes every request that is in them, and has a deadline for a connection's first head only. So
//! it is given a head when that is whole and has been checked, its body as it comes, and nothing more until its answer is
//! written.

pub mod answer;
mod chunks;
mod head;
pub mod places;
mod stream;

pub use stream::{Stream, ready};

use crate::telemetry::metrics;
use actix_web::http::header::HttpDate;
use actix_web::web::BytesMut;
use answer::Progress;
use bytes::Buf;
use chunks::Chunks;
use head::{BadHead, BodyFraming, HeadScanner};
use places::{Seat, Wait};
use std::future::Future as _;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// The most bytes read at once while waiting for a head, and read ahead while an answer is made.
const READ: usize = 4 * 1024;
/// The most bytes held of further requests while one is answered.
const AHEAD: usize = 8 * 1024;
/// How long a caller may stay who was refused, or answered before the whole request had arrived: so that they can read why.
const LINGER: Duration = Duration::from_secs(1);
/// How much time is left to read an answer when the service stops.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// Why we end connections, by the names that they have in metrics.
pub const ENDINGS: [&str; 6] =
    [BadHead::Malformed.name(), BadHead::TooLarge.name(), BadHead::TooSlow.name(), UNREAD, places::DISPLACED, places::FULL];
const UNREAD: &str = "unread";

/// How long a caller may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// For a head, and for a body.
    pub request: Duration,
    /// To take an answer.
    pub answer: Duration,
    /// To ask again.
    pub idle: Duration,
}

/// A caller's connection, as actix-http sees it.
pub struct Connection {
    stream: Stream,
    seat: Rc<Seat>,
    progress: Rc<Progress>,
    deadlines: Deadlines,
    timer: Timer,
    phase: Phase,
    /// What was read and not yet passed on.
    held: BytesMut,
    /// How much of it belongs to the current request.
    ready: usize,
    /// The caller will send no more.
    is_ended: bool,
    /// The task is woken when there is more to read.
    is_watched: bool,
    /// The deadline of an answer that could not be written at once.
    answer_due: Option<Instant>,
    is_blocked: bool,
}

enum Phase {
    /// Waits for a request, or for the rest of its head. `started`: some of it has arrived, or it is the connection's first.
    Head { search: HeadScanner, started: bool, due: Instant },
    /// actix-http has it, until its answer is written.
    Request { body: BodyProgress, due: Instant },
    /// Further bytes are discarded. `answer`: the rest of our own refusal.
    Leaving { answer: BytesMut, is_shut: bool, due: Instant },
    /// Nothing is read any more.
    Over,
}

/// What is still to come of a body.
enum BodyProgress {
    Nothing,
    Length(u64),
    Chunks(Chunks),
    /// The bytes are not a body.
    Never,
}

impl Connection {
    pub fn new(stream: Stream, seat: Seat, deadlines: Deadlines) -> Self {
        let due = Instant::now() + deadlines.request;
        Self {
            stream,
            seat: Rc::new(seat),
            progress: Rc::default(),
            deadlines,
            timer: Timer::new(due),
            phase: Phase::Head { search: HeadScanner::default(), started: true, due },
            held: BytesMut::new(),
            ready: 0,
            is_ended: false,
            is_watched: false,
            answer_due: None,
            is_blocked: false,
        }
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    pub fn seat(&self) -> Rc<Seat> {
        Rc::clone(&self.seat)
    }

    pub fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    /// Reads more bytes, and returns how many. 0: the caller will send no more.
    fn poll_hold(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); READ];
        let mut read = ReadBuf::uninit(&mut space);
        self.is_watched = true;
        task::ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
        self.is_watched = false;
        self.is_ended = read.filled().is_empty();
        self.held.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Waits for a whole head, then continues with its body.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Phase::Head { search, started, due } = &mut self.phase {
            // An empty line before a request says nothing (RFC 9112 2.2).
            while self.held.starts_with(b"\r\n") {
                self.held.advance(2);
            }
            if !(self.held.is_empty() || *self.held == *b"\r") {
                if !std::mem::replace(started, true) {
                    *due = Instant::now() + self.deadlines.request;
                    self.seat.waits(Wait::Head);
                }
                match search.end(&self.held) {
                    Ok(None) => {}
                    Ok(Some(end)) => {
                        self.begin(end);
                        break;
                    }
                    Err(refusal) => {
                        self.refuse(refusal);
                        break;
                    }
                }
            }
            let (started, due) = (*started, *due);
            if self.is_ended || self.seat.must_go(context) {
                self.phase = Phase::Over;
            } else if let Poll::Ready(read) = self.poll_hold(context) {
                read?;
            } else {
                task::ready!(self.timer.poll(context, due));
                if started { self.refuse(BadHead::TooSlow) } else { self.phase = Phase::Over }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Starts the request whose head is the first `end` bytes held.
    fn begin(&mut self, end: usize) {
        let (head, rest) = self.held.split_at_mut(end);
        let mut body = match head::check(head) {
            Ok(BodyFraming::None) => BodyProgress::Nothing,
            Ok(BodyFraming::Length(length)) => BodyProgress::Length(length),
            Ok(BodyFraming::Chunked) => BodyProgress::Chunks(Chunks::new()),
            Ok(BodyFraming::Tunnel) => BodyProgress::Never,
            Err(refusal) => return self.refuse(refusal),
        };
        self.ready = end + body.take(rest);
        self.progress.has_body.set(body.is_over());
        self.progress.is_answered.set(false);
        self.seat.works();
        // A second more than the reader of the body has: the reader says what was wrong.
        self.phase = Phase::Request { body, due: Instant::now() + self.deadlines.request + LINGER };
    }

    fn refuse(&mut self, refusal: BadHead) {
        metrics().connection_ended(refusal.name());
        let (status, date) =
            (refusal.status(), HttpDate::from(SystemTime::try_from(crate::clock::now()).unwrap_or(SystemTime::UNIX_EPOCH)));
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\ndate: {date}\r\n\r\n");
        self.leave(BytesMut::from(answer.as_bytes()));
    }

    fn leave(&mut self, answer: BytesMut) {
        (self.held, self.ready) = (BytesMut::new(), 0);
        self.phase = Phase::Leaving { answer, is_shut: false, due: Instant::now() + LINGER };
    }

    /// Passes on the request, its body as it arrives, and then nothing until it is answered.
    fn poll_request(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ready > 0 {
            let now = self.ready.min(buffer.remaining());
            buffer.put_slice(&self.held[..now]);
            self.held.advance(now);
            self.ready -= now;
            return Poll::Ready(Ok(()));
        }
        let Phase::Request { body, due } = &mut self.phase else { return Poll::Ready(Ok(())) };
        if body.is_over() {
            return self.poll_ahead(context);
        }
        if self.is_ended || matches!(body, BodyProgress::Never) {
            return Poll::Ready(Ok(()));
        }
        // We do not read from a caller who does not read our answer.
        if self.is_blocked {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        self.is_watched = true;
        if body.poll_read(context, &mut self.stream, buffer)?.is_pending() {
            task::ready!(self.timer.poll(context, *due));
            self.is_ended = true;
            return Poll::Ready(Ok(()));
        }
        self.is_watched = false;
        let read = &buffer.filled()[before..];
        let own = body.take(read);
        self.is_ended = own == 0;
        self.held.extend_from_slice(&read[own..]);
        self.progress.has_body.set(body.is_over());
        buffer.set_filled(before + own);
        Poll::Ready(Ok(()))
    }

    /// Notices a caller who hangs up, and holds a little of what comes next.
    fn poll_ahead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.is_ended && self.held.len() < AHEAD {
            task::ready!(self.poll_hold(context))?;
        }
        // What is held comes first.
        if self.is_ended && self.held.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Writes our own refusal, if any, closes our side, and discards further bytes until the caller closes theirs.
    fn poll_leave(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Phase::Leaving { answer, is_shut, due } = &mut self.phase else { return Poll::Ready(Ok(())) };
        if self.timer.poll(context, *due).is_pending() {
            while !answer.is_empty() {
                let written = task::ready!(Pin::new(&mut self.stream).poll_write(context, answer))?;
                answer.advance(written);
            }
            if !*is_shut {
                task::ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
                *is_shut = true;
            }
            let mut space = [MaybeUninit::uninit(); READ];
            loop {
                let mut read = ReadBuf::uninit(&mut space);
                task::ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
                if read.filled().is_empty() {
                    break;
                }
            }
        }
        self.phase = Phase::Over;
        Poll::Ready(Ok(()))
    }

    /// The answer is written: the next request may start.
    fn answered(&mut self, context: &mut Context<'_>) {
        (self.answer_due, self.is_blocked) = (None, false);
        let Phase::Request { body, .. } = &self.phase else { return };
        if body.is_over() {
            let started = !self.held.is_empty();
            let now = Instant::now();
            let due = now + if started { self.deadlines.request } else { self.deadlines.idle };
            self.phase = Phase::Head { search: HeadScanner::default(), started, due };
            self.seat.waits(if started { Wait::Head } else { Wait::Idle });
            if self.held.is_empty() {
                self.held = BytesMut::new();
            }
            if !self.is_watched || started || self.timer.poll(context, due).is_ready() || self.seat.must_go(context) {
                context.waker().wake_by_ref();
            }
        } else {
            self.leave(BytesMut::new());
            context.waker().wake_by_ref();
        }
    }

    /// Fails once the deadline of an unread answer has passed.
    fn blocked<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.is_blocked = true;
        let now = Instant::now();
        let due = *self.answer_due.get_or_insert_with(|| {
            self.seat.waits(Wait::Unread);
            now + self.deadlines.answer
        });
        let due = if self.seat.is_draining() { due.min(now + LAST_WRITE) } else { due };
        self.answer_due = Some(due);
        if self.timer.poll(context, due).is_ready() {
            metrics().connection_ended(UNREAD);
        } else if !self.seat.must_go(context) {
            return Poll::Pending;
        }
        self.stream.drop_unsent();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl BodyProgress {
    fn is_over(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Length(left) => *left == 0,
            Self::Chunks(chunks) => chunks.is_over(),
            Self::Never => false,
        }
    }

    /// How many of the bytes belong to the body. A malformed body ends early: then nothing more belongs to it.
    fn take(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Nothing | Self::Never => 0,
            Self::Length(left) => {
                let own = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= own as u64;
                own
            }
            Self::Chunks(chunks) => chunks.follow(bytes).unwrap_or_else(|_| {
                *self = Self::Never;
                0
            }),
        }
    }

    /// Reads into `buffer`, nothing beyond a body whose length is known.
    fn poll_read(&self, context: &mut Context<'_>, stream: &mut Stream, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let most = match self {
            Self::Length(left) => usize::try_from(*left).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        if most >= buffer.remaining() {
            return Pin::new(stream).poll_read(context, buffer);
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
        task::ready!(Pin::new(stream).poll_read(context, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Connection {
    /// No bytes: there will be no more requests.
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.phase {
                Phase::Head { .. } => task::ready!(this.poll_head(context))?,
                Phase::Request { .. } => return this.poll_request(context, buffer),
                Phase::Leaving { .. } => return this.poll_leave(context),
                Phase::Over => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(context, bytes) {
            Poll::Ready(written) => {
                this.is_blocked = false;
                Poll::Ready(written)
            }
            Poll::Pending => this.blocked(context),
        }
    }

    /// actix-http flushes when it has written all that it has.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if Pin::new(&mut this.stream).poll_flush(context)?.is_pending() {
            return this.blocked(context);
        }
        if this.progress.is_answered.take() {
            this.answered(context);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // With bytes unread, the system would discard what the caller has not read yet.
        let may_come = match &this.phase {
            Phase::Leaving { .. } => return this.poll_leave(context),
            Phase::Request { body, .. } => !body.is_over(),
            Phase::Head { .. } => !this.held.is_empty(),
            Phase::Over => false,
        };
        if may_come {
            this.leave(BytesMut::new());
            return this.poll_leave(context);
        }
        if let Poll::Ready(shut) = Pin::new(&mut this.stream).poll_shutdown(context) {
            return Poll::Ready(shut);
        }
        let due = *this.answer_due.get_or_insert_with(|| Instant::now() + LINGER);
        this.timer.poll(context, due).map(Ok)
    }
}

/// Wakes the task when something is due.
struct Timer(Pin<Box<Sleep>>);

impl Timer {
    fn new(due: Instant) -> Self {
        Self(Box::pin(tokio::time::sleep_until(due)))
    }

    /// Ready once `due` has passed. It may wake the task earlier, for a deadline that no longer applies: that is cheaper than
    /// being set anew with every request.
    fn poll(&mut self, context: &mut Context<'_>, due: Instant) -> Poll<()> {
        let now = Instant::now();
        if now >= due {
            return Poll::Ready(());
        }
        let set = self.0.deadline();
        if set > due || set <= now {
            self.0.as_mut().reset(due);
        }
        if self.0.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
