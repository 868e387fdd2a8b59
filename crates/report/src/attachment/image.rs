//! Pictures: what is needed to draw them is copied, nothing else.

use super::{GIF_WIDTH_MAX, IMAGE_PIXELS_MAX, Kind, Refusal, Taken};

const LOCATION: &str = "location, camera and time (Exif)";
const DESCRIPTION: &str = "texts and descriptions";
const PROFILE: &str = "colour profiles";
const THUMBNAIL: &str = "a small copy of the picture";
const UNKNOWN: &str = "parts of unknown meaning";
const BEHIND: &str = "what stood behind the picture";

const CUT_OFF: Refusal = Refusal::Damaged("the picture is cut off");

/// A place in the bytes that never goes past their end.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        self.take(N)?.try_into().map_err(|_| CUT_OFF)
    }

    fn byte(&mut self) -> Result<u8, Refusal> {
        Ok(self.array::<1>()?[0])
    }
}

fn taken(
    media_type: &'static str,
    extensions: &'static [&'static str],
    bytes: Vec<u8>,
    removed: Vec<&'static str>,
) -> Taken {
    Taken { kind: Kind::Image, media_type, extensions, bytes, removed }
}

fn check_pixels(width: u64, height: u64) -> Result<(), Refusal> {
    if width == 0 || height == 0 {
        return Err(Refusal::Damaged("the picture has no size"));
    }
    if width * height > IMAGE_PIXELS_MAX {
        return Err(Refusal::Bomb("a picture of more than 64 million pixels"));
    }
    Ok(())
}

/// PNG (W3C PNG, third edition): critical chunks, those of animation, and those that only change how it is drawn.
pub(super) fn png(bytes: &[u8]) -> Result<Taken, Refusal> {
    const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1A\n";
    let mut reader = Reader { rest: bytes };
    if reader.array::<8>()? != *SIGNATURE {
        return Err(Refusal::Damaged("no PNG"));
    }
    let (mut out, mut removed) = (SIGNATURE.to_vec(), Vec::new());
    let mut is_first = true;
    loop {
        let head = reader.array::<8>()?;
        let [l0, l1, l2, l3, kind @ ..] = head;
        let data = reader.take(u32::from_be_bytes([l0, l1, l2, l3]) as usize)?;
        let crc = reader.array::<4>()?;
        if is_first {
            let [w0, w1, w2, w3, h0, h1, h2, h3, ..] = *data else { return Err(CUT_OFF) };
            if kind != *b"IHDR" || data.len() != 13 {
                return Err(Refusal::Damaged("the picture has no header"));
            }
            check_pixels(
                u32::from_be_bytes([w0, w1, w2, w3]).into(),
                u32::from_be_bytes([h0, h1, h2, h3]).into(),
            )?;
            is_first = false;
        }
        match &kind {
            b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" | b"tRNS" | b"gAMA" | b"cHRM" | b"sRGB" | b"sBIT"
            | b"bKGD" | b"pHYs" | b"acTL" | b"fcTL" | b"fdAT" => {
                out.extend_from_slice(&head);
                out.extend_from_slice(data);
                out.extend_from_slice(&crc);
            }
            b"eXIf" | b"tIME" => removed.push(LOCATION),
            b"tEXt" | b"zTXt" | b"iTXt" => removed.push(DESCRIPTION),
            b"iCCP" => removed.push(PROFILE),
            // a chunk in capitals must be understood to draw the picture
            _ if kind[0].is_ascii_uppercase() => return Err(Refusal::Damaged("a part that no PNG has")),
            _ => removed.push(UNKNOWN),
        }
        if kind == *b"IEND" {
            break;
        }
    }
    if !reader.rest.is_empty() {
        return Err(Refusal::Polyglot("something stands behind the picture"));
    }
    Ok(taken("image/png", &["png"], out, removed))
}

/// JPEG (ITU-T T.81 annex B): tables, frames, scans; of application segments JFIF's without its thumbnail, and Adobe's.
pub(super) fn jpeg(bytes: &[u8]) -> Result<Taken, Refusal> {
    let mut reader = Reader { rest: bytes };
    let (mut out, mut removed) = (reader.take(2)?.to_vec(), Vec::new());
    let mut has_frame = false;
    loop {
        if reader.byte()? != 0xFF {
            return Err(Refusal::Damaged("no marker where one must stand"));
        }
        let mut marker = reader.byte()?;
        while marker == 0xFF {
            marker = reader.byte()?;
        }
        if marker == 0xD9 {
            out.extend_from_slice(&[0xFF, 0xD9]);
            break;
        }
        if matches!(marker, 0x00 | 0x01 | 0xD0..=0xD8) {
            return Err(Refusal::Damaged("a marker where none may stand"));
        }
        let length = reader.array::<2>()?;
        let data = reader.take(usize::from(u16::from_be_bytes(length)).checked_sub(2).ok_or(CUT_OFF)?)?;
        match marker {
            0xC0..=0xCF | 0xDA..=0xDF => {
                if matches!(marker, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF) {
                    let [_, h0, h1, w0, w1, ..] = *data else { return Err(CUT_OFF) };
                    check_pixels(u16::from_be_bytes([w0, w1]).into(), u16::from_be_bytes([h0, h1]).into())?;
                    has_frame = true;
                }
                out.extend_from_slice(&[0xFF, marker]);
                out.extend_from_slice(&length);
                out.extend_from_slice(data);
                if marker == 0xDA {
                    scan(&mut reader, &mut out)?;
                }
            }
            0xE0 if data.len() >= 14 && data.starts_with(b"JFIF\0") => {
                out.extend_from_slice(&[0xFF, 0xE0, 0, 16]);
                out.extend_from_slice(&data[..12]);
                out.extend_from_slice(&[0, 0]);
                removed.extend((data.len() > 14).then_some(THUMBNAIL));
            }
            0xEE if data.len() == 12 && data.starts_with(b"Adobe") => {
                out.extend_from_slice(&[0xFF, 0xEE]);
                out.extend_from_slice(&length);
                out.extend_from_slice(data);
            }
            0xE0 => removed.push(THUMBNAIL),
            0xE1 => removed.push(LOCATION),
            0xE2 => removed.push(PROFILE),
            0xED | 0xFE => removed.push(DESCRIPTION),
            _ => removed.push(UNKNOWN),
        }
    }
    if !has_frame {
        return Err(Refusal::Damaged("the picture has no frame"));
    }
    match reader.rest {
        [] => {}
        // further pictures of the same shot, as telephones add them, and padding
        [0xFF, 0xD8, 0xFF, ..] => removed.push(BEHIND),
        rest if rest.iter().all(|byte| *byte == 0 || *byte == 0xFF) => removed.push(BEHIND),
        _ => return Err(Refusal::Polyglot("something stands behind the picture")),
    }
    Ok(taken("image/jpeg", &["jpg", "jpeg"], out, removed))
}

/// Copies entropy-coded data: until a marker that is neither a stuffed byte nor a restart.
fn scan(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let is_end = |at: &usize| !matches!(reader.rest.get(at + 1), None | Some(0x00 | 0xD0..=0xD7 | 0xFF));
    let end = memchr::memchr_iter(0xFF, reader.rest).find(is_end).ok_or(CUT_OFF)?;
    out.extend_from_slice(reader.take(end)?);
    Ok(())
}

/// WebP (RFC 9649): the picture, its transparency, its animation; flags of what is gone are cleared.
pub(super) fn webp(bytes: &[u8]) -> Result<Taken, Refusal> {
    let mut reader = Reader { rest: bytes };
    let head = reader.array::<12>()?;
    let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    match size.checked_add(8).map(|size| size.cmp(&bytes.len())) {
        Some(std::cmp::Ordering::Equal) => {}
        Some(std::cmp::Ordering::Less) => {
            return Err(Refusal::Polyglot("something stands behind the picture"));
        }
        _ => return Err(CUT_OFF),
    }
    let (mut out, mut removed) = (head.to_vec(), Vec::new());
    let mut has_picture = false;
    while !reader.rest.is_empty() {
        let (kind, mut data) = riff_chunk(&mut reader)?;
        match &kind {
            b"VP8X" => {
                let [flags, _, _, _, w0, w1, w2, h0, h1, h2] = *data else { return Err(CUT_OFF) };
                let side = |low, middle, high| u64::from(u32::from_le_bytes([low, middle, high, 0])) + 1;
                check_pixels(side(w0, w1, w2), side(h0, h1, h2))?;
                // without ICC (0x20), Exif (0x08), XMP (0x04)
                data[0] = flags & 0x12;
            }
            b"VP8 " | b"VP8L" => {
                webp_pixels(&kind, &data)?;
                has_picture = true;
            }
            b"ANMF" => {
                data = webp_frame(&data, &mut removed)?;
                has_picture = true;
            }
            b"ALPH" | b"ANIM" => {}
            _ => {
                removed.push(match &kind {
                    b"EXIF" => LOCATION,
                    b"XMP " => DESCRIPTION,
                    b"ICCP" => PROFILE,
                    _ => UNKNOWN,
                });
                continue;
            }
        }
        push_riff_chunk(&mut out, kind, &data);
    }
    if !has_picture {
        return Err(Refusal::Damaged("the picture has no pixels"));
    }
    let size = (out.len() - 8) as u32;
    out[4..8].copy_from_slice(&size.to_le_bytes());
    Ok(taken("image/webp", &["webp"], out, removed))
}

/// The frame of an animation without parts of unknown meaning.
fn webp_frame(data: &[u8], removed: &mut Vec<&'static str>) -> Result<Vec<u8>, Refusal> {
    let mut reader = Reader { rest: data };
    let mut out = reader.take(16)?.to_vec();
    while !reader.rest.is_empty() {
        let (kind, data) = riff_chunk(&mut reader)?;
        match &kind {
            b"ALPH" => push_riff_chunk(&mut out, kind, &data),
            b"VP8 " | b"VP8L" => {
                webp_pixels(&kind, &data)?;
                push_riff_chunk(&mut out, kind, &data);
            }
            _ => removed.push(UNKNOWN),
        }
    }
    Ok(out)
}

fn webp_pixels(kind: &[u8; 4], data: &[u8]) -> Result<(), Refusal> {
    let (width, height) = match (kind, data) {
        // RFC 6386 9.1: a key frame's start code, then 14 bits each
        (b"VP8 ", [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..]) => {
            (u16::from_le_bytes([*w0, *w1]) & 0x3FFF, u16::from_le_bytes([*h0, *h1]) & 0x3FFF)
        }
        // RFC 9649 3.4: a signature, then 14 bits each, less one
        (b"VP8L", [0x2F, a, b, c, d, ..]) => {
            let bits = u32::from_le_bytes([*a, *b, *c, *d]);
            ((bits & 0x3FFF) as u16 + 1, (bits >> 14 & 0x3FFF) as u16 + 1)
        }
        _ => return Err(Refusal::Damaged("a picture that cannot be read")),
    };
    check_pixels(width.into(), height.into())
}

fn riff_chunk(reader: &mut Reader<'_>) -> Result<([u8; 4], Vec<u8>), Refusal> {
    let kind = reader.array::<4>()?;
    let length = u32::from_le_bytes(reader.array::<4>()?) as usize;
    let data = reader.take(length)?.to_vec();
    if length % 2 == 1 {
        reader.take(1)?;
    }
    Ok((kind, data))
}

fn push_riff_chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    out.extend_from_slice(&kind);
    out.extend_from_slice(&(data.len() as u32).to_le_bytes());
    out.extend_from_slice(data);
    out.extend((data.len() % 2 == 1).then_some(0));
}

/// GIF (GIF89a): frames, their timing, and how often they are repeated.
pub(super) fn gif(bytes: &[u8]) -> Result<Taken, Refusal> {
    let mut reader = Reader { rest: bytes };
    let head = reader.array::<13>()?;
    if !matches!(&head[..6], b"GIF87a" | b"GIF89a") {
        return Err(Refusal::Damaged("no GIF"));
    }
    let (width, height) = (u16::from_le_bytes([head[6], head[7]]), u16::from_le_bytes([head[8], head[9]]));
    check_pixels(width.into(), height.into())?;
    if width > GIF_WIDTH_MAX {
        return Err(Refusal::Polyglot("a GIF that could be read as a script; send it as PNG"));
    }
    let (mut out, mut removed) = (head.to_vec(), Vec::new());
    gif_colours(&mut reader, head[10], &mut out)?;
    loop {
        match reader.byte()? {
            0x3B => break,
            0x2C => {
                let frame = reader.array::<9>()?;
                let (w, h) =
                    (u16::from_le_bytes([frame[4], frame[5]]), u16::from_le_bytes([frame[6], frame[7]]));
                check_pixels(w.into(), h.into())?;
                out.push(0x2C);
                out.extend_from_slice(&frame);
                gif_colours(&mut reader, frame[8], &mut out)?;
                out.push(reader.byte()?);
                gif_blocks(&mut reader, Some(&mut out))?;
            }
            0x21 => gif_extension(&mut reader, &mut out, &mut removed)?,
            _ => return Err(Refusal::Damaged("a block that no GIF has")),
        }
    }
    out.push(0x3B);
    match reader.rest.iter().all(|byte| *byte == 0) {
        true => removed.extend((!reader.rest.is_empty()).then_some(BEHIND)),
        false => return Err(Refusal::Polyglot("something stands behind the picture")),
    }
    Ok(taken("image/gif", &["gif"], out, removed))
}

fn gif_extension(
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
    removed: &mut Vec<&'static str>,
) -> Result<(), Refusal> {
    let label = reader.byte()?;
    let is_loop = reader.rest.starts_with(b"\x0BNETSCAPE2.0\x03\x01")
        || reader.rest.starts_with(b"\x0BANIMEXTS1.0\x03\x01");
    let is_timing = label == 0xF9 && reader.rest.first() == Some(&4);
    if is_timing || (label == 0xFF && is_loop && reader.rest.get(16) == Some(&0)) {
        out.extend_from_slice(&[0x21, label]);
        return gif_blocks(reader, Some(out));
    }
    removed.push(if label == 0xFE || label == 0x01 { DESCRIPTION } else { UNKNOWN });
    gif_blocks(reader, None)
}

fn gif_colours(reader: &mut Reader<'_>, flags: u8, out: &mut Vec<u8>) -> Result<(), Refusal> {
    if flags & 0x80 != 0 {
        out.extend_from_slice(reader.take(3 << ((flags & 7) + 1))?);
    }
    Ok(())
}

/// Sub-blocks up to the empty one.
fn gif_blocks(reader: &mut Reader<'_>, mut out: Option<&mut Vec<u8>>) -> Result<(), Refusal> {
    loop {
        let length = reader.byte()?;
        let data = reader.take(usize::from(length))?;
        if let Some(out) = out.as_deref_mut() {
            out.push(length);
            out.extend_from_slice(data);
        }
        if length == 0 {
            return Ok(());
        }
    }
}
