//! Follows a chunked body without keeping any of it: where it ends (RFC 9112 7.1).

/// Longest size line, with its extensions.
const LONGEST_LINE: usize = 1024;
/// All trailers together.
const LONGEST_TRAILERS: usize = 8 * 1024;

/// The bytes are not a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkState {
    Size {
        digits: u8,
    },
    Blank,
    /// Extensions and trailers, which we ignore.
    Extension,
    SizeEnd,
    Data,
    DataReturn,
    DataEnd,
    TrailerStart,
    Trailer,
    TrailerEnd,
    LastEnd,
    Over,
}

/// Where in a chunked body its reader is.
#[derive(Debug)]
pub struct Chunks {
    at: ChunkState,
    /// Of the chunk: first its size, then what is left of it.
    left: u64,
    /// Of the line, or of all trailers.
    length: usize,
}

impl Chunks {
    pub fn new() -> Self {
        Self { at: ChunkState::Size { digits: 0 }, left: 0, length: 0 }
    }

    pub fn is_over(&self) -> bool {
        self.at == ChunkState::Over
    }

    /// How many of the next bytes belong to the body: fewer than all only if it ends among them.
    ///
    /// # Errors
    /// [`Malformed`], after which nothing of the connection can be read.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut read = 0;
        while let Some(&byte) = bytes.get(read) {
            match self.at {
                ChunkState::Over => break,
                ChunkState::Data => {
                    let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - read);
                    self.left -= here as u64;
                    read += here;
                    if self.left == 0 {
                        self.at = ChunkState::DataReturn;
                    }
                }
                _ => {
                    self.at = self.step(byte)?;
                    read += 1;
                }
            }
        }
        Ok(read)
    }

    fn step(&mut self, byte: u8) -> Result<ChunkState, Malformed> {
        self.length += 1;
        let next = match (self.at, byte) {
            (ChunkState::Size { digits: 1.. } | ChunkState::Blank | ChunkState::Extension, b'\r') => ChunkState::SizeEnd,
            (ChunkState::Size { digits: 1.. } | ChunkState::Blank, b' ' | b'\t') => ChunkState::Blank,
            (ChunkState::Size { digits: digits @ 0..15 }, _) if byte.is_ascii_hexdigit() => {
                let value = char::from(byte).to_digit(16).map_or(0, u64::from);
                self.left = if digits == 0 { value } else { self.left * 16 + value };
                ChunkState::Size { digits: digits + 1 }
            }
            (ChunkState::Size { digits: 1.. } | ChunkState::Blank, b';')
            | (ChunkState::Extension, b'\t' | b' '..=b'~' | 0x80..) => ChunkState::Extension,
            (ChunkState::SizeEnd, b'\n') if self.left > 0 => ChunkState::Data,
            (ChunkState::SizeEnd | ChunkState::TrailerEnd, b'\n') => ChunkState::TrailerStart,
            (ChunkState::DataReturn, b'\r') => ChunkState::DataEnd,
            (ChunkState::DataEnd, b'\n') => ChunkState::Size { digits: 0 },
            (ChunkState::TrailerStart, b'\r') => ChunkState::LastEnd,
            (ChunkState::TrailerStart, b'!'..=b'~') | (ChunkState::Trailer, b'\t' | b' '..=b'~' | 0x80..) => ChunkState::Trailer,
            (ChunkState::Trailer, b'\r') => ChunkState::TrailerEnd,
            (ChunkState::LastEnd, b'\n') => ChunkState::Over,
            _ => return Err(Malformed),
        };
        if matches!(next, ChunkState::Data | ChunkState::Size { digits: 0 })
            || (next == ChunkState::TrailerStart && self.at == ChunkState::SizeEnd)
        {
            self.length = 0;
        }
        let is_trailer =
            matches!(next, ChunkState::TrailerStart | ChunkState::Trailer | ChunkState::TrailerEnd | ChunkState::LastEnd);
        let longest = if is_trailer { LONGEST_TRAILERS } else { LONGEST_LINE };
        if self.length > longest { Err(Malformed) } else { Ok(next) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of `body`, in pieces of `size` bytes: how much was read, and whether that was all of the body.
    fn follow(body: &[u8], size: usize) -> Result<(usize, bool), Malformed> {
        let (mut chunks, mut read) = (Chunks::new(), 0);
        for piece in body.chunks(size) {
            read += chunks.follow(piece)?;
        }
        Ok((read, chunks.is_over()))
    }

    #[test]
    fn a_chunked_body_ends_where_it_ends_however_it_comes() {
        let bodies: [&[u8]; 5] = [
            b"0\r\n\r\n",
            b"5\r\nhello\r\n0\r\n\r\n",
            b"00A\r\n0123456789\r\n1\r\nx\r\n000\r\n\r\n",
            b"3;name=value;other=\"a b\"\r\nabc\r\n0 \r\n\r\n",
            b"1\r\na\r\n0\r\nTrailer: one\r\nOther: two\r\n\r\n",
        ];
        for body in bodies {
            let next = [body, b"GET / HTTP/1.1\r\n"].concat();
            for size in 1..=next.len() {
                assert_eq!(follow(&next, size), Ok((body.len(), true)), "{:?} by {size}", String::from_utf8_lossy(body));
            }
            for cut in 0..body.len() {
                assert_eq!(follow(&body[..cut], 7), Ok((cut, false)), "{:?} cut at {cut}", String::from_utf8_lossy(body));
            }
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_chunked_body() {
        let bodies: [&[u8]; 14] = [
            b"\r\n0\r\n\r\n",
            b"5\nhello\n0\n\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"-1\r\n",
            b"+5\r\nhello",
            b"0x5\r\nhello",
            b"5 5\r\nhello",
            b"1000000000000000\r\n",
            b"5;a=\nb\r\nhello",
            b"5\rhello",
            b"0\r\nTrailer: a\nOther: b\r\n\r\n",
            b"0\r\n folded\r\n\r\n",
            b"0\r\n\rX",
        ];
        for body in bodies {
            assert_eq!(follow(body, 3), Err(Malformed), "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn extensions_and_trailers_have_an_end() {
        let extension = [b"5;".as_slice(), &[b'x'; LONGEST_LINE]].concat();
        assert_eq!(follow(&extension, 100), Err(Malformed));
        let trailer = [b"0\r\nName: ".as_slice(), &[b'x'; LONGEST_TRAILERS]].concat();
        assert_eq!(follow(&trailer, 100), Err(Malformed));
        let many = [b"0\r\n".as_slice(), &b"A: b\r\n".repeat(LONGEST_TRAILERS / 6 + 1)].concat();
        assert_eq!(follow(&many, 100), Err(Malformed));
        // Pieces that are short each time are never too long.
        let long = b"1\r\na\r\n".repeat(10_000);
        assert_eq!(follow(&long, 1000), Ok((long.len(), false)));
    }
}
