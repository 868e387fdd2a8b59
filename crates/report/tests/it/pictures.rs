//! Small pictures, made byte by byte.

/// CRC-32 as PNG has it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    };
    !bytes.iter().fold(u32::MAX, step)
}

pub(crate) fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    [&(data.len() as u32).to_be_bytes()[..], &body, &crc32(&body).to_be_bytes()].concat()
}

/// A PNG with `extra` chunks before its pixels.
pub(crate) fn png_sized(width: u32, height: u32, extra: &[Vec<u8>]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    // one grey pixel, stored by zlib
    let pixels = [0x78, 0x01, 0x01, 0x02, 0x00, 0xFD, 0xFF, 0x00, 0x7F, 0x00, 0x80, 0x00, 0x80];
    let mut file = b"\x89PNG\r\n\x1A\n".to_vec();
    file.extend(png_chunk(b"IHDR", &header));
    file.extend(extra.concat());
    file.extend(png_chunk(b"IDAT", &pixels));
    file.extend(png_chunk(b"IEND", &[]));
    file
}

pub(crate) fn png(extra: &[Vec<u8>]) -> Vec<u8> {
    png_sized(1, 1, extra)
}

pub(crate) fn jpeg_segment(marker: u8, data: &[u8]) -> Vec<u8> {
    [&[0xFF, marker][..], &(data.len() as u16 + 2).to_be_bytes(), data].concat()
}

/// A JPEG with `extra` segments at its beginning and `late` ones between two scans.
pub(crate) fn jpeg_with(extra: &[Vec<u8>], late: &[Vec<u8>]) -> Vec<u8> {
    let mut file = vec![0xFF, 0xD8];
    file.extend(jpeg_segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"));
    file.extend(extra.concat());
    file.extend(jpeg_segment(0xDB, &[[0].as_slice(), &[16; 64]].concat()));
    file.extend(jpeg_segment(0xC2, &[8, 0, 1, 0, 1, 1, 1, 0x11, 0]));
    file.extend(jpeg_segment(0xC4, &[&[0x00, 1][..], &[0; 15], &[0]].concat()));
    file.extend(jpeg_segment(0xDA, &[1, 1, 0, 0, 0, 0]));
    // entropy-coded data with a stuffed byte and a restart
    file.extend([0x3F, 0xFF, 0x00, 0x12, 0xFF, 0xD0, 0x34]);
    file.extend(late.concat());
    file.extend(jpeg_segment(0xDA, &[1, 1, 0, 1, 63, 0]));
    file.extend([0x55, 0xFF, 0xD9]);
    file
}

pub(crate) fn jpeg(extra: &[Vec<u8>]) -> Vec<u8> {
    jpeg_with(extra, &[])
}

/// Exif with a position: IFD0 with a pointer to GPS tags, little-endian (Exif 2.32, 4.6).
pub(crate) fn exif_with_location() -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value].concat()
    };
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    tiff.extend(2_u16.to_le_bytes());
    tiff.extend(entry(0x010F, 2, 4, *b"Cam\0"));
    tiff.extend(entry(0x8825, 4, 1, 38_u32.to_le_bytes()));
    tiff.extend([0; 4]);
    tiff.extend(2_u16.to_le_bytes());
    tiff.extend(entry(0x0001, 2, 2, *b"N\0\0\0"));
    tiff.extend(entry(0x0002, 5, 3, 68_u32.to_le_bytes()));
    tiff.extend([0; 4]);
    for part in [48_u32, 1, 8, 1, 1_234, 100] {
        tiff.extend(part.to_le_bytes());
    }
    tiff
}

pub(crate) fn riff_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let pad: &[u8] = if data.len() % 2 == 1 { &[0] } else { &[] };
    [&kind[..], &(data.len() as u32).to_le_bytes(), data, pad].concat()
}

/// A WebP of these chunks.
pub(crate) fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [b"RIFF", &(body.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &body].concat()
}

/// Pixels of a lossless WebP of that size: its header, and something behind it.
pub(crate) fn vp8l(width: u32, height: u32) -> Vec<u8> {
    let bits = (width - 1) | (height - 1) << 14;
    riff_chunk(b"VP8L", &[&[0x2F][..], &bits.to_le_bytes(), &[0x88, 0x88, 0x08]].concat())
}

/// An extended header: all flags set.
pub(crate) fn vp8x(width: u32, height: u32) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes();
    riff_chunk(b"VP8X", &[&[0x3E, 0, 0, 0][..], &side(width)[..3], &side(height)[..3]].concat())
}

/// A GIF with `extra` blocks before its frame.
pub(crate) fn gif_sized(width: u16, height: u16, extra: &[&[u8]]) -> Vec<u8> {
    let mut file = b"GIF89a".to_vec();
    file.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    file.extend([0x80, 0, 0]);
    file.extend([0, 0, 0, 255, 255, 255]);
    file.extend(extra.concat());
    file.extend([0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0]);
    file.extend([2, 2, 0x44, 0x01, 0]);
    file.push(0x3B);
    file
}

pub(crate) fn gif(extra: &[&[u8]]) -> Vec<u8> {
    gif_sized(1, 1, extra)
}

pub(crate) fn contains(file: &[u8], part: &[u8]) -> bool {
    file.windows(part.len()).any(|window| window == part)
}
