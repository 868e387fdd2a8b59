//! Every stable error code of the API, in one place. Each has a page in `docs/errors/`.

macro_rules! codes {
    ($($name:ident = $text:literal, $status:literal, $title:literal, $hint:literal;)*) => {
        /// A stable error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Self::$name,)*];

            /// The code as clients see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What happened, in a few words; the same for every occurrence (RFC 9457 §3.1.3).
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What to do about it.
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)* }
            }

            /// The page about it, as Markdown.
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(concat!("../../../docs/errors/", $text, ".md")),)*
                }
            }
        }
    };
}

codes! {
    // who asks
    TokenMissing = "token_missing", 401, "a token is needed",
        "send `Authorization: Bearer <token>`; `huecry token` makes one";
    TokenMalformed = "token_malformed", 401, "this is no token",
        "send the whole token, beginning with hc_api_ or hc_src_, after the word Bearer (Splunk for HEC)";
    TokenUnknown = "token_unknown", 401, "this token is not known here",
        "check that the token was made on this server and copied whole";
    TokenExpired = "token_expired", 401, "this token has expired", "make a new token";
    TokenRevoked = "token_revoked", 401, "this token was revoked", "make a new token";
    TokenResting = "token_resting", 401, "this token rests until its owner signs in",
        "its owner signs in once; then it works again with what their roles are then";
    TokenKind = "token_kind", 403, "this kind of token is not for this route",
        "source tokens (hc_src_) only send records; API tokens (hc_api_) do everything else";
    TokenSource = "token_source", 403, "this token belongs to another source",
        "use the token that was made for the source in the path";
    TokenInQuery = "token_in_query", 400, "a token in the query string is refused",
        "query strings end up in logs: revoke this token, make another, send it in the Authorization header";
    ScopeMissing = "scope_missing", 403, "the scope is missing",
        "ask an admin for a role that comes to the scope in the detail, or make a token with it";
    SessionMissing = "session_missing", 401, "nobody is signed in here", "sign in";
    SessionEnded = "session_ended", 401, "this session has ended", "sign in again";
    SessionReplayed = "session_replayed", 401, "an exchanged cookie came back",
        "sign in again; if it was not an old copy of your own browser, tell whoever looks after this server";
    SessionNeeded = "session_needed", 403, "this is for people who are signed in", "sign in; a token does not do here";
    TokenNeeded = "token_needed", 403, "this is for tokens",
        "make a token with the scope mcp:use under /settings, and send it in the Authorization header";
    ReceiptExpired = "receipt_expired", 401, "no receipt is open in this browser",
        "open the link of your receipt again, or paste its code at /receipt";
    CsrfTokenMissing = "csrf_token_missing", 403, "the session's token was not repeated",
        "send `csrf` of GET /api/v1/session as X-CSRF-Token";
    CsrfTokenWrong = "csrf_token_wrong", 403, "the token is not this session's",
        "read GET /api/v1/session again and send its `csrf` as X-CSRF-Token";
    OriginForeign = "origin_foreign", 403, "a page of another site asked for this",
        "set server.public_url to the address in your browser, if that page is this server's";
    NotPermitted = "not_permitted", 403, "your roles do not allow this here", "ask whoever has the incident, or an admin";
    LinkRefused = "link_refused", 403, "this link does not open",
        "open it once, whole, within a day; `huecry people link` makes another";
    SignInRefused = "sign_in_refused", 403, "the sign-in was refused", "the detail says why; begin again, or ask an admin";
    SignInThrottled = "sign_in_throttled", 429, "too many sign-ins failed", "wait for the time in Retry-After";
    ProviderUnavailable = "provider_unavailable", 503, "the identity provider does not answer as it should",
        "see the server's own log, and [[access.oidc]] in the configuration";
    LastAdmin = "last_admin", 409, "this is the last admin", "make another admin first";
    PersonExists = "person_exists", 409, "there is somebody of that name already",
        "let that person in again with `huecry people link --person per_…`, or give another name";
    TokensTooMany = "tokens_too_many", 409, "a person has too many tokens", "revoke some first";
    ScopeNotHeld = "scope_not_held", 403, "you cannot give a scope that you do not have",
        "ask someone whose token has the scope, or use the command line on the server";
    SignatureMissing = "signature_missing", 401, "the request is not signed",
        "set the same secret at the sender and at this source";
    SignatureMalformed = "signature_malformed", 401, "the signature has not the documented form",
        "the header is X-Hub-Signature-256: sha256= and 64 hex digits";
    SignatureWrong = "signature_wrong", 401, "the signature does not fit",
        "compare the secret at the sender with the one of this source, and let no proxy change the body";
    ChallengeMissing = "challenge_missing", 400, "this is no verification request",
        "Okta sends X-Okta-Verification-Challenge when an event hook is verified";
    // what is sent
    SourceNotFound = "source_not_found", 404, "there is no such source", "make it with POST /api/v1/sources";
    SourceDisabled = "source_disabled", 403, "the doors of this source are closed", "enable the source again";
    SourceKind = "source_kind", 409, "this door is for another kind of source",
        "use the door of this source's kind, or POST /api/v1/ingest/{source}";
    SourceKindUnknown = "source_kind_unknown", 400, "no mapping reads this kind of record",
        "give one of the kinds in the detail";
    SourceSecretMissing = "source_secret_missing", 409, "this source has no secret to check signatures with",
        "set one with PATCH /api/v1/sources/{name}";
    BodyEmpty = "body_empty", 400, "there is nothing in the body", "send at least one record";
    BodyTruncated = "body_truncated", 400, "the body ends inside a JSON value",
        "send the whole body again; nothing of it was accepted";
    BodyNotSplittable = "body_not_splittable", 400, "the body is neither JSON nor lines of it",
        "send an object, an array, or one object a line (Content-Type: application/x-ndjson)";
    BodyTooLarge = "body_too_large", 413, "the body is too large", "send smaller bodies, compressed with gzip or zstd";
    RecordTooLarge = "record_too_large", 413, "one record is too large", "split or leave out that record";
    RecordsTooMany = "records_too_many", 413, "too many records in one body", "send smaller bodies";
    BodyInterrupted = "body_interrupted", 400, "the body did not arrive whole", "send it again";
    EncodingUnsupported = "encoding_unsupported", 415, "this content encoding is not taken",
        "send gzip, zstd, or no Content-Encoding";
    MediaTypeUnsupported = "media_type_unsupported", 415, "this content type is not taken",
        "send application/json; at GitHub set the webhook's content type to application/json";
    CompressedTruncated = "compressed_truncated", 400, "the compressed body ends in the middle",
        "send the whole body again; nothing of it was accepted";
    CompressedDamaged = "compressed_damaged", 400, "the compressed body is damaged",
        "check that Content-Encoding names how the body is packed";
    DecompressedTooLarge = "decompressed_too_large", 413, "the body swells too much when unpacked",
        "send smaller bodies";
    EnvelopeInvalid = "envelope_invalid", 400, "X-Huecry-Records names no envelope",
        "give keys from the outside in, such as items or data.events";
    DeliveryHeadersMissing = "delivery_headers_missing", 400, "GitHub's delivery headers are missing",
        "X-GitHub-Event and X-GitHub-Delivery come with every delivery; let no proxy drop them";
    // reports from people
    ReportsDisabled = "reports_disabled", 404, "this server takes no reports", "ask whoever looks after this server";
    FormUnknown = "form_unknown", 404, "there is no such form", "GET /api/v1/forms lists them";
    ReportInvalid = "report_invalid", 422, "the report does not fit its form",
        "`errors` names each field and what is wrong with it; nothing was sent";
    ReportLinkRefused = "report_link_refused", 403, "this link to the form does not hold",
        "report without it at /report, or ask whoever gave it to you for a new one";
    ReportDecided = "report_decided", 409, "this report was decided already",
        "look at the decision; an appeal can change it";
    ReceiptUnknown = "receipt_unknown", 404, "no report has this receipt",
        "copy the whole code, beginning with hcrc_; it was shown once, when the report was sent";
    ReceiptOther = "receipt_other", 409, "another report's receipt is open in this browser",
        "open the receipt of the report that you mean again, and repeat it";
    AppealNotPossible = "appeal_not_possible", 409, "there is nothing to appeal here", "the detail says why";
    AppealExists = "appeal_exists", 409, "there is an appeal already", "wait for its decision; its deadline is shown";
    AppealSamePerson = "appeal_same_person", 403, "somebody else must decide this",
        "ask a moderator who did not take the decision";
    AttachmentRefused = "attachment_refused", 422, "this file is not taken", "the detail says why, and what is taken";
    // containment
    ContainmentDisabled = "containment_disabled", 404, "nothing is contained by this server",
        "ask whoever looks after this server; [respond] in the configuration";
    ContainmentNotPossible = "containment_not_possible", 422, "this cannot be done like this",
        "the detail says why; nothing was done";
    ContainmentProtected = "containment_protected", 422, "the target is protected",
        "no action may touch it; whoever looks after this server keeps the list";
    ContainmentLimit = "containment_limit", 429, "the action has had too many targets",
        "look whether what asks for it is right; whoever looks after this server can raise the limit";
    ContainmentUnderWay = "containment_under_way", 409, "this action on this target is under way",
        "look at the containment in the detail";
    ContainmentSettled = "containment_settled", 409, "it has gone on already",
        "read it again: the detail says where it stands";
    ContainmentSelfApproval = "containment_self_approval", 403, "whoever asked for it does not decide it",
        "ask somebody else who may approve";
    ContainmentVoted = "containment_voted", 409, "this person has answered already", "wait for the others";
    PlanChanged = "plan_changed", 409, "the plan is another one", "look at the plan again, then repeat with its hash";
    ApprovalExpired = "approval_expired", 409, "the time to answer is over", "ask for it again";
    PersonNeeded = "person_needed", 403, "this is for people",
        "sign in, or use a token that you have made for yourself; a machine's does not do here";
    ConnectorUnknown = "connector_unknown", 404, "there is no such connector or action",
        "`huecry connector list` names them";
    ConnectorNotConnected = "connector_not_connected", 409, "nobody has connected this system",
        "whoever looks after this server puts it under [respond.connections]";
    ConnectorUnavailable = "connector_unavailable", 503, "the other side does not answer now",
        "send again after the time in Retry-After; `huecry connector test` says what answers";
    PlaybookUnknown = "playbook_unknown", 404, "there is no such playbook",
        "`huecry playbook list` names them";
    PlaybookRefused = "playbook_refused", 422, "this playbook cannot be run like this",
        "the detail says why; nothing was begun";
    RunSettled = "run_settled", 409, "nobody is waited for there",
        "read the run again: the step was answered, or the run has ended";
    // no room
    Overloaded = "overloaded", 429, "more is coming in than can be made durable",
        "send again after the time in Retry-After";
    LogDiskFull = "log_disk_full", 503, "the disk of the log is full", "free space, or lower the log's retention";
    LogUnavailable = "log_unavailable", 503, "the log takes no records now", "see /readyz and the server's own log";
    // the API
    RequestInvalid = "request_invalid", 400, "the request is not as documented", "see /reference";
    NotFound = "not_found", 404, "there is no such thing", "check the id";
    MethodNotAllowed = "method_not_allowed", 405, "this path does not take this method", "see /reference";
    CursorInvalid = "cursor_invalid", 400, "the page cursor does not fit this list", "start again without `after`";
    VersionMissing = "version_missing", 428, "which version is changed was not said",
        "send the ETag that you read as If-Match";
    Conflict = "conflict", 409, "someone else changed it first",
        "the current state is in `current`: look at it, then repeat the change on its version";
    DecisionRefused = "decision_refused", 422, "this decision is not allowed",
        "the detail says what is missing or where the work may go from here";
    Exists = "exists", 409, "a thing of that name exists already", "choose another name";
    IdempotencyKeyInvalid = "idempotency_key_invalid", 400, "the idempotency key is not usable",
        "1 to 255 printable ASCII characters, such as a UUID";
    IdempotencyKeyReused = "idempotency_key_reused", 422, "this idempotency key belongs to another request",
        "take a fresh key for each new request";
    RawRecordGone = "raw_record_gone", 410, "the raw record was removed by retention", "it cannot be driven again";
    DeadLetterNotOpen = "dead_letter_not_open", 409, "this dead letter was driven again already",
        "look at what became of it; refused once more, the record is a new dead letter at its new position";
    StreamsTooMany = "streams_too_many", 429, "you have too many streams open",
        "close some tabs or clients, then try again";
    StreamsExhausted = "streams_exhausted", 429, "too many streams are open", "close some, then try again";
    QueryInvalid = "query_invalid", 400, "the query cannot be understood",
        "the detail says where; `huecry query --schema` lists tables and columns";
    QueryForbidden = "query_forbidden", 400, "this is not for queries to do",
        "ask with one SELECT over events or a view of a class; /docs says what it may hold";
    QueryTooSlow = "query_too_slow", 422, "the query takes too long",
        "narrow its time range (`time > now() - interval '1 day'`), or raise limits.time_ms";
    QueryTooMuchMemory = "query_too_much_memory", 422, "the query needs too much memory",
        "narrow its time range, group by less, or put a LIMIT to its ORDER BY";
    QueriesExhausted = "queries_exhausted", 429, "too many queries are running",
        "send it again after the time in Retry-After";
    TuningsExhausted = "tunings_exhausted", 429, "as many filters as may be are being made",
        "send it again after the time in Retry-After";
    TrialsExhausted = "trials_exhausted", 429, "as many records as may be are held against rules",
        "send it again after the time in Retry-After";
    QueryFailed = "query_failed", 500, "the lake could not be read",
        "see the server's own log; `huecry doctor` checks the lake";
    LakeDisabled = "lake_disabled", 503, "this server keeps no lake", "ask a server that does";
    StoreBusy = "store_busy", 503, "others are writing for too long", "send again after the time in Retry-After";
    StoreDiskFull = "store_disk_full", 503, "the disk of the state is full", "free space";
    StoreUnavailable = "store_unavailable", 503, "the state cannot be read or written now",
        "see /readyz and the server's own log";
    AuditPending = "audit_pending", 503, "the record is not signed yet",
        "send again after the time in Retry-After: records are signed within a second";
    AuditUnavailable = "audit_unavailable", 503, "the audit log cannot be read now",
        "see huecry_audit_refused in /metrics, and the server's own log";
    NotReady = "not_ready", 503, "the server is not ready", "wait, or see the detail";
    RequestTimeout = "request_timeout", 408, "the request took too long", "send it again; smaller if it was large";
    Internal = "internal", 500, "something is wrong in the server",
        "report it with the request id and the server's own log";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_page_has_its_code_and_speaks_of_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "README.md")
            .collect();
        let codes: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{}.md", code.as_str())).collect();
        assert_eq!(pages, codes, "docs/errors has one page for each code");
        for code in Code::ALL {
            let heading = format!("# {}: {}\n", code.as_str(), code.title());
            assert!(code.page().starts_with(&heading), "{}", code.as_str());
            assert!(code.page().contains(&format!("HTTP {}", code.status())), "{}", code.as_str());
        }
    }
}
