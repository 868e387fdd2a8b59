//! Files made to deceive are refused or come out harmless; honest ones come out whole.

use crate::pictures::{
    contains, exif_with_location, gif, gif_sized, jpeg, jpeg_segment, jpeg_with, png, png_chunk, png_sized,
    riff_chunk, vp8l, vp8x, webp,
};
use img_parts::ImageEXIF;
use proptest::prelude::*;
use report::attachment::{
    ATTACHMENT_BYTES_MAX, GIF_WIDTH_MAX, Inspected, Kind, NAME_CHARS_MAX, Refusal, file_name, inspect,
};
use sha2::{Digest, Sha256};
use std::io::Write;

fn look(bytes: &[u8]) -> Result<Inspected, Refusal> {
    inspect("shot", bytes, ATTACHMENT_BYTES_MAX)
}

fn refused(bytes: &[u8]) -> &'static str {
    look(bytes).map_or_else(|refusal| refusal.as_str(), |taken| panic!("taken as {:?}", taken.kind))
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn pdf(body: &str) -> Vec<u8> {
    format!("%PDF-1.7\n1 0 obj\n<< /Type /Catalog {body} >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n")
        .into_bytes()
}

#[test]
fn honest_files_are_taken_as_what_they_are() {
    let pcap = [b"\xD4\xC3\xB2\xA1\x02\0\x04\0".as_slice(), &[0; 40]].concat();
    let log = b"\x1B[31merror\x1B[0m GET /?q=<script>alert(1)</script> 500\r\n";
    let gzip = [&b"\x1F\x8B\x08\0\0\0\0\0\0\x03"[..], &[0xAB; 40], &1_000_u32.to_le_bytes()].concat();
    let cases: Vec<(Vec<u8>, Kind, &str, bool)> = vec![
        (png(&[]), Kind::Image, "image/png", false),
        (jpeg(&[]), Kind::Image, "image/jpeg", false),
        (gif(&[b"\x21\xF9\x04\0\x0A\0\0\0"]), Kind::Image, "image/gif", false),
        (webp(&[vp8l(3, 5)]), Kind::Image, "image/webp", false),
        (pdf("/Pages 2 0 R"), Kind::Document, "application/pdf", true),
        (zip(&[("a.log", b"line\n"), ("b.log", &[b'x'; 5_000])]), Kind::Archive, "application/zip", true),
        (gzip, Kind::Archive, "application/gzip", true),
        (pcap, Kind::Capture, "application/vnd.tcpdump.pcap", true),
        (log.to_vec(), Kind::Text, "text/plain; charset=utf-8", false),
        (b"BMC firmware 1.2 started".to_vec(), Kind::Text, "text/plain; charset=utf-8", false),
        (b"{\"a\": 1}".to_vec(), Kind::Text, "text/plain; charset=utf-8", false),
        ("#!/bin/sh\ncurl é\n".into(), Kind::Text, "text/plain; charset=utf-8", false),
        (b"<?xml version=\"1.0\"?><Event/>".to_vec(), Kind::Text, "text/plain; charset=utf-8", false),
    ];
    for (bytes, kind, media_type, opaque) in cases {
        let taken = look(&bytes).unwrap_or_else(|refusal| panic!("{media_type}: {refusal}"));
        assert_eq!((taken.kind, taken.media_type, taken.opaque), (kind, media_type, opaque));
        assert_eq!(taken.bytes, bytes, "{media_type}: an honest file is kept byte for byte");
        assert!(taken.removed.is_empty(), "{media_type}: {:?}", taken.removed);
        assert_eq!(taken.sha256[..], Sha256::digest(&bytes)[..]);
        assert_eq!(look(&taken.bytes).unwrap().bytes, taken.bytes);
    }
}

#[test]
fn location_camera_and_texts_are_taken_out_of_pictures() {
    let exif = exif_with_location();
    let jpeg_exif = [b"Exif\0\0".as_slice(), &exif].concat();
    let secret: &[u8] = b"my street 7";
    let with_exif = jpeg(&[jpeg_segment(0xE1, &jpeg_exif)]);
    // the oracle sees the position before
    assert_eq!(img_parts::jpeg::Jpeg::from_bytes(with_exif.clone().into()).unwrap().exif().unwrap(), exif);
    let texts = [
        png_chunk(b"tEXt", b"Comment\0my street 7"),
        png_chunk(b"zTXt", b"k\0\0my street 7"),
        png_chunk(b"iTXt", b"k\0\0\0\0\0my street 7"),
    ];
    let cases: Vec<(Vec<u8>, &[u8], Vec<u8>)> = vec![
        (with_exif, &exif, jpeg(&[])),
        (jpeg_with(&[], &[jpeg_segment(0xE1, &jpeg_exif), jpeg_segment(0xFE, secret)]), secret, jpeg(&[])),
        (
            jpeg(&[
                jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0my street 7"),
                jpeg_segment(0xED, secret),
                jpeg_segment(0xE5, secret),
            ]),
            secret,
            jpeg(&[]),
        ),
        (
            jpeg(&[jpeg_segment(0xE2, b"ICC_PROFILE\0\x01\x01my street 7"), jpeg_segment(0xFE, secret)]),
            secret,
            jpeg(&[]),
        ),
        (png(&texts), secret, png(&[])),
        (
            png(&[png_chunk(b"eXIf", &exif), png_chunk(b"tIME", &[7; 7]), png_chunk(b"prVt", secret)]),
            &exif,
            png(&[]),
        ),
        (gif(&[b"\x21\xFE\x0Bmy street 7\0", b"\x21\xFF\x0BXMP DataXMP\x0Bmy street 7\0"]), secret, gif(&[])),
        (
            webp(&[
                vp8l(1, 1),
                riff_chunk(b"EXIF", &exif),
                riff_chunk(b"XMP ", secret),
                riff_chunk(b"junk", secret),
            ]),
            &exif,
            webp(&[vp8l(1, 1)]),
        ),
    ];
    for (file, personal, clean) in cases {
        assert!(contains(&file, personal));
        let taken = look(&file).unwrap();
        assert_eq!(taken.bytes, clean, "{}", taken.media_type);
        assert!(
            !contains(&taken.bytes, personal) && !contains(&taken.bytes, secret) && !taken.removed.is_empty()
        );
    }
}

#[test]
fn thumbnails_profiles_and_flags_go_too() {
    // a JFIF thumbnail of 2 × 1 pixels
    let thumbnail = jpeg_segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\x02\x01secret");
    let file = [&[0xFF, 0xD8][..], &thumbnail, &jpeg(&[])[20..]].concat();
    let taken = look(&file).unwrap();
    assert!(taken.bytes == jpeg(&[]) && taken.removed.len() == 1, "{:?}", taken.removed);
    let extended = webp(&[
        vp8x(4, 4),
        riff_chunk(b"ICCP", b"profile"),
        riff_chunk(b"ALPH", b"abc"),
        vp8l(4, 4),
        riff_chunk(b"EXIF", b"x"),
    ]);
    let taken = look(&extended).unwrap();
    assert_eq!(taken.bytes[20], 0x12, "only animation and transparency are said to be there");
    assert!(
        !contains(&taken.bytes, b"profile")
            && !contains(&taken.bytes, b"EXIF")
            && contains(&taken.bytes, b"ALPH")
    );
    let frame =
        riff_chunk(b"ANMF", &[&[0; 16][..], &vp8l(2, 2), &riff_chunk(b"note", b"my street 7")].concat());
    let taken = look(&webp(&[vp8x(2, 2), riff_chunk(b"ANIM", &[0; 6]), frame])).unwrap();
    assert!(!contains(&taken.bytes, b"street") && contains(&taken.bytes, b"ANMF"));
    let looped = gif(&[b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0"]);
    assert_eq!(look(&looped).unwrap().bytes, looped);
}

fn behind(file: Vec<u8>, more: &[u8]) -> Vec<u8> {
    [file, more.to_vec()].concat()
}

/// A PNG whose last chunk but one is this.
fn png_ending_in(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut file = png(&[]);
    file.truncate(file.len() - 12);
    [file, png_chunk(kind, data), png_chunk(b"IEND", &[])].concat()
}

fn check_refused(cases: Vec<(&str, Vec<u8>, &str)>) {
    for (what, file, want) in cases {
        assert_eq!(refused(&file), want, "{what}");
    }
}

#[test]
fn pictures_that_are_something_else_too_are_refused() {
    let script = b"*/=1;alert(1)//";
    let archive = zip(&[("a.txt", b"a")]);
    // an archive inside of the last chunk whose comment covers the rest of the picture
    let mut end = archive.clone();
    let length = end.len();
    end[length - 2..].copy_from_slice(&16_u16.to_le_bytes());
    let wide = |text: &[u8; 2]| gif_sized(u16::from_le_bytes(*text), 1, &[]);
    check_refused(vec![
        // `GIF89a/*`: the first two bytes of the width open a comment
        ("GIF that is a script", behind(wide(b"/*"), script), "polyglot"),
        ("GIF that is a script, whole", wide(b"/*"), "polyglot"),
        ("GIF that is an assignment", wide(b"=\t"), "polyglot"),
        ("GIF and script behind", behind(gif(&[]), script), "polyglot"),
        ("PNG and archive behind", behind(png(&[]), &archive), "polyglot"),
        ("PNG with an archive in its pixels", png_ending_in(b"IDAT", &end), "polyglot"),
        ("JPEG and archive behind", behind(jpeg(&[]), &archive), "polyglot"),
        (
            "PNG, picture and archive behind",
            behind(png(&[]), &[jpeg(&[]), archive.clone()].concat()),
            "polyglot",
        ),
        ("WebP and archive behind", behind(webp(&[vp8l(1, 1)]), &archive), "polyglot"),
        ("pixels that are a page", png_ending_in(b"IDAT", b"<ScRiPt>alert(1)"), "polyglot"),
        ("palette that is a page", png_ending_in(b"PLTE", b"<svg onload=alert(1)>"), "polyglot"),
    ]);
    assert!(look(&gif_sized(GIF_WIDTH_MAX, 1, &[])).is_ok());
    // letters of a tag that is none come by chance
    assert!(look(&png_ending_in(b"IDAT", b"<svgx <scripts")).is_ok());
}

#[test]
fn documents_archives_and_texts_that_are_something_else_too_are_refused() {
    let archive = zip(&[("a.txt", b"a")]);
    let list = archive.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    let late_svg = b"\xEF\xBB\xBF \n<?xml version='1.0'?>\n<!-- x --><SVG onload=alert(1)>";
    let utf16_page = "\u{FEFF}<html><script>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check_refused(vec![
        ("PDF and page", pdf("/Note (<html><script>alert(1)</script>)"), "polyglot"),
        ("PDF and page behind", behind(pdf(""), b"<html>"), "polyglot"),
        ("PDF and archive behind", behind(pdf(""), &archive), "polyglot"),
        ("PDF behind something", behind(b"\x89PNG\r\n\x1A\n".to_vec(), &pdf("")), "damaged"),
        ("archive behind a script", behind(b"#!/bin/sh\n".to_vec(), &archive), "kind"),
        (
            "something inside of an archive",
            [&archive[..list], b"<html>", &archive[list..]].concat(),
            "polyglot",
        ),
        ("SVG script", svg.to_vec(), "active"),
        ("SVG with a prologue", late_svg.to_vec(), "active"),
        ("page", b"<!DOCTYPE html><p>".to_vec(), "active"),
        ("page in UTF-16", utf16_page, "active"),
    ]);
}

#[test]
fn a_further_picture_of_the_same_shot_is_cut_off() {
    let file = [jpeg(&[]), jpeg(&[jpeg_segment(0xE1, b"Exif\0\0my street 7")])].concat();
    let taken = look(&file).unwrap();
    assert_eq!((taken.bytes, taken.removed.as_slice()), (jpeg(&[]), &["what stood behind the picture"][..]));
    // even if an archive hides behind it
    let hidden = [jpeg(&[]), jpeg(&[]), zip(&[("a", b"a")])].concat();
    assert_eq!(look(&hidden).unwrap().bytes, jpeg(&[]));
}

#[test]
fn documents_that_do_something_are_refused() {
    for active in [
        "/OpenAction << /S /JavaScript /JS (app.alert(1)) >>",
        "/AA << /O << /S /Launch /F (cmd.exe) >> >>",
        "/Names << /EmbeddedFiles 3 0 R >>",
        "/AcroForm << /XFA 4 0 R >>",
        "/S /J#61vaScript",
        "/#4A#53 5 0 R",
        "/Type/RichMedia/X",
    ] {
        assert_eq!(refused(&pdf(active)), "active", "{active}");
    }
    for calm in [
        "/OpenAction [1 0 R /Fit]",
        "/Title (about JavaScript and JS)",
        "/JSX 1",
        "/JS/X",
        "/Launcher 1",
        "/#",
        "/#4",
        "/#GG 1",
        "/J#00S 1",
    ] {
        assert!(look(&pdf(calm)).is_ok(), "{calm}");
    }
    assert_eq!(refused(b"%PDF-1.7\nwithout an end"), "damaged");
}

#[test]
fn bombs_by_their_own_account_are_refused() {
    let zeros = vec![0_u8; 40 * 1024 * 1024];
    let deflated = zip(&[("zeros", &zeros)]);
    assert!(deflated.len() < 100_000);
    assert_eq!(refused(&deflated), "bomb");
    // many small ones make a large one
    let part = vec![0_u8; 900 * 1024];
    let names: Vec<String> = (0..40).map(|i| format!("{i}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), part.as_slice())).collect();
    assert_eq!(refused(&zip(&many)), "bomb");
    // entries that share their bytes (Fifield 2019): both records of the list point to the first entry
    let mut shared = zip(&[("a", &[7; 600]), ("b", &[7; 600])]);
    let lists: Vec<usize> =
        shared.windows(4).enumerate().filter(|(_, w)| w == b"PK\x01\x02").map(|(at, _)| at).collect();
    shared[lists[1] + 42..lists[1] + 46].copy_from_slice(&0_u32.to_le_bytes());
    assert_eq!(refused(&shared), "bomb");
    let gzip = [&b"\x1F\x8B\x08\0\0\0\0\0\0\x03"[..], &[0xAB; 400], &900_000_000_u32.to_le_bytes()].concat();
    assert_eq!(refused(&gzip), "bomb");
    assert_eq!(refused(&png_sized(60_000, 60_000, &[])), "bomb");
    assert_eq!(refused(&gif_sized(2_000, 60_000, &[])), "bomb");
    assert_eq!(refused(&webp(&[vp8x(16_777_216, 16_777_216), vp8l(1, 1)])), "bomb");
    assert_eq!(refused(&webp(&[vp8l(16_384, 16_384)])), "bomb");
    // more entries than it is worth to look at
    let names: Vec<String> = (0..10_001).map(|i| format!("{i}")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert_eq!(refused(&zip(&entries)), "bomb");
}

#[test]
fn other_kinds_are_named_and_refused() {
    let office = zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("_rels/.rels", b"<R/>"),
        ("word/document.xml", b"<w/>"),
    ]);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("ELF", [b"\x7FELF\x02\x01\x01\0".as_slice(), &[0; 60]].concat(), "kind"),
        ("Windows program", [b"MZ".as_slice(), &[0; 200]].concat(), "kind"),
        ("7z", b"7z\xBC\xAF\x27\x1C\0\x04".to_vec(), "kind"),
        ("office", office, "kind"),
        ("binary", vec![1, 2, 3, 0xFF], "kind"),
        ("text with NUL", b"a\0b".to_vec(), "kind"),
        ("half UTF-16", b"\xFF\xFEa".to_vec(), "kind"),
        ("nothing", vec![], "empty"),
        ("nothing but a mark", b"\xEF\xBB\xBF".to_vec(), "empty"),
        ("a document behind a mark", [b"\xEF\xBB\xBF".to_vec(), pdf("")].concat(), "polyglot"),
        ("too large", vec![b'x'; ATTACHMENT_BYTES_MAX + 1], "too_large"),
    ];
    for (what, file, want) in cases {
        assert_eq!(refused(&file), want, "{what}");
    }
    let said = look(&[b"\x7FELF\x02\x01\x01\0".as_slice(), &[0; 60]].concat()).unwrap_err().to_string();
    assert!(said.contains("x-executable") && said.contains("send PNG"), "{said}");
}

#[test]
fn texts_come_out_as_utf8() {
    let utf16: Vec<u8> =
        "\u{FEFF}Ereignis: Zugriff für Gäste\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let taken = look(&utf16).unwrap();
    assert_eq!(
        (String::from_utf8(taken.bytes).unwrap().as_str(), taken.removed.len()),
        ("Ereignis: Zugriff für Gäste\r\n", 1)
    );
    assert_eq!(look(b"\xEF\xBB\xBFa,b\n").unwrap().bytes, b"a,b\n");
}

#[test]
fn names_are_safe() {
    let long = "x".repeat(300);
    for (name, want) in [
        ("shot.png", "shot.png"),
        ("../../etc/passwd", "passwd.png"),
        ("C:\\Users\\x\\shot.PNG", "shot.PNG"),
        ("photo.png.exe", "photo.png.exe.png"),
        ("invoice\u{202E}gnp.exe", "invoice_gnp.exe.png"),
        ("a\nb\0c", "a_b_c.png"),
        ("...", "file.png"),
        ("", "file.png"),
        (".png", "png.png"),
        ("<script>.png", "_script_.png"),
        ("a\";b.png", "a__b.png"),
        ("naïve café.png", "naïve café.png"),
    ] {
        assert_eq!(file_name(name, &["png"]), want, "{name:?}");
    }
    assert_eq!(file_name(&long, &["png"]).chars().count(), NAME_CHARS_MAX);
}

/// Honest files of all kinds, to be broken.
fn seeds() -> Vec<Vec<u8>> {
    vec![
        png(&[png_chunk(b"tEXt", b"k\0v")]),
        jpeg(&[jpeg_segment(0xE1, b"Exif\0\0abc")]),
        gif(&[b"\x21\xFE\x03abc\0"]),
        webp(&[vp8x(4, 4), vp8l(4, 4), riff_chunk(b"EXIF", b"abc")]),
        pdf("/Pages 2 0 R"),
        zip(&[("a.txt", b"aaaa"), ("b.txt", b"bbbb")]),
        b"plain text\n".to_vec(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn broken_files_are_refused_or_come_out_settled(
        seed in 0..7_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(), tail in prop::collection::vec(any::<u8>(), 0..8), is_cut in any::<bool>(),
    ) {
        let mut file = seeds().swap_remove(seed);
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if is_cut {
            file.truncate(cut.index(file.len()));
        }
        file.extend(tail);
        if let Ok(taken) = look(&file) {
            prop_assert!(taken.bytes.len() <= file.len() + 2);
            let again = look(&taken.bytes);
            // what was cleaned has nothing more to be taken out
            prop_assert!(again.as_ref().is_ok_and(|again| again.bytes == taken.bytes && again.removed.is_empty()), "{:?} {:?}", taken, again);
        }
    }

    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..300), start in 0..8_usize) {
        let starts: [&[u8]; 8] = [b"", b"\x89PNG\r\n\x1A\n", b"\xFF\xD8\xFF", b"GIF89a", b"RIFF\x10\0\0\0WEBP", b"%PDF-1.4\n", b"PK\x03\x04", b"\x1F\x8B\x08"];
        let file = [starts[start], &bytes].concat();
        if let Ok(taken) = look(&file) {
            prop_assert!(!taken.media_type.contains("html") && !taken.media_type.contains("svg"));
            // a text grows by up to a half when it is no UTF-16 any more, never past what is allowed
            prop_assert!(taken.bytes.len() <= file.len() * 3 / 2);
            let kept = inspect("file", &file, file.len()).map(|kept| kept.bytes.len());
            prop_assert!(kept.is_ok_and(|kept| kept <= file.len()) || taken.bytes.len() > file.len());
        }
    }
}
