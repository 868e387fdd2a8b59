//! Receives a body and unpacks it, every byte counted against the bound on all requests in work.

use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use ::ingest::limits::{BODY_BYTES_MAX, INLINE_BODY_BYTES_MAX};
use ::ingest::{DecompressError, Encoding, IngestError, Room, decompress};
use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

/// After a body proved too large, so many of its bytes are still read and thrown away, so that a sender that
/// writes first and reads then gets the answer instead of a reset connection.
const DISCARDED_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// A body and the memory that it holds.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) body: Bytes,
    pub(super) room: Room,
}

#[derive(Debug, thiserror::Error)]
enum UnpackError {
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// Receives the body as it comes over the wire.
pub(super) async fn receive(app: &App, headers: &HeaderMap, body: Body) -> Result<Intake, Problem> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut chunks = body.into_data_stream();
    if declared.is_some_and(|bytes: u64| bytes > BODY_BYTES_MAX as u64) {
        // who asks first (RFC 9110 §10.1.1) has not sent anything yet
        if !headers.contains_key(header::EXPECT) {
            discard(&mut chunks).await;
        }
        return Err(too_large());
    }
    let mut room = app.ingest.room()?;
    let Some(first) = next(&mut chunks).await? else {
        return Ok(Intake { body: Bytes::new(), room });
    };
    app.ingest.grow(&mut room, first.len())?;
    let Some(second) = next(&mut chunks).await? else {
        return Ok(Intake { body: first, room });
    };
    let mut whole = BytesMut::from(first);
    let mut chunk = Some(second);
    while let Some(bytes) = chunk {
        if whole.len() + bytes.len() > BODY_BYTES_MAX {
            drop((whole, room));
            discard(&mut chunks).await;
            return Err(too_large());
        }
        app.ingest.grow(&mut room, bytes.len())?;
        whole.extend_from_slice(&bytes);
        chunk = next(&mut chunks).await?;
    }
    Ok(Intake { body: whole.freeze(), room })
}

async fn next(chunks: &mut BodyDataStream) -> Result<Option<Bytes>, Problem> {
    chunks.next().await.transpose().map_err(|error| Problem::new(Code::BodyInterrupted, error.to_string()))
}

async fn discard(chunks: &mut BodyDataStream) {
    let mut discarded = 0;
    while let Some(Ok(bytes)) = chunks.next().await {
        discarded += bytes.len() as u64;
        if discarded > DISCARDED_BYTES_MAX {
            return;
        }
    }
}

fn too_large() -> Problem {
    Problem::new(Code::BodyTooLarge, format!("the limit is {BODY_BYTES_MAX} bytes; nothing was accepted"))
}

/// Unpacks the body as `Content-Encoding`, or else its first bytes, say it is packed.
pub(super) async fn unpack(app: &App, headers: &HeaderMap, intake: Intake) -> Result<Intake, Problem> {
    let mut named = headers.get_all(header::CONTENT_ENCODING).iter();
    let encoding = match (named.next(), named.next()) {
        (Some(one), None) => Encoding::of_header(&String::from_utf8_lossy(one.as_bytes()))?,
        (None, _) => Encoding::Identity,
        (Some(_), Some(_)) => {
            return Err(DecompressError::Unsupported { name: "several".to_owned() }.into());
        }
    };
    let encoding = match encoding {
        Encoding::Identity => Encoding::of_magic(&intake.body),
        named => named,
    };
    if encoding == Encoding::Identity {
        return Ok(intake);
    }
    let app = app.clone();
    let inline = intake.body.len() * 4 <= INLINE_BODY_BYTES_MAX;
    let work = move || {
        let Intake { body, mut room } = intake;
        let grow = |bytes| Ok::<(), UnpackError>(app.ingest.grow(&mut room, bytes)?);
        let body = decompress(body, encoding, grow)?;
        Ok(Intake { body, room })
    };
    let unpacked = if inline { work() } else { blocking(work).await? };
    unpacked.map_err(|error| match error {
        UnpackError::Decompress(error) => error.into(),
        UnpackError::Ingest(error) => error.into(),
    })
}

/// Cuts the body on this thread if it is small, else on a blocking one.
pub(super) async fn cut<T: Send + 'static>(
    body: Bytes,
    work: impl FnOnce(&Bytes) -> T + Send + 'static,
) -> Result<T, Problem> {
    if body.len() <= INLINE_BODY_BYTES_MAX { Ok(work(&body)) } else { blocking(move || work(&body)).await }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::new(Code::Internal, format!("the body could not be worked on: {error}")))
}
