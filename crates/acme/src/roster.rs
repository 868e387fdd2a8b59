//! Who and what Acme is made of: people, places, repositories, services. All invented; addresses are
//! of the documentation ranges (RFC 5737, RFC 3849), AS numbers likewise (RFC 5398).

/// A place people work from. Offsets are fixed (no daylight saving), so that no tz database decides bytes.
pub(crate) struct City {
    pub(crate) name: &'static str,
    pub(crate) state: &'static str,
    pub(crate) country: &'static str,
    pub(crate) code: &'static str,
    pub(crate) postal: &'static str,
    pub(crate) lat: &'static str,
    pub(crate) lon: &'static str,
    pub(crate) offset_minutes: i64,
    pub(crate) isp: &'static str,
    pub(crate) asn: u64,
}

macro_rules! city {
    ($name:literal, $state:literal, $country:literal, $code:literal, $postal:literal, $lat:literal, $lon:literal, $offset:literal, $isp:literal, $asn:literal) => {
        City {
            name: $name,
            state: $state,
            country: $country,
            code: $code,
            postal: $postal,
            lat: $lat,
            lon: $lon,
            offset_minutes: $offset,
            isp: $isp,
            asn: $asn,
        }
    };
}

/// Home cities first (`HOMES` of them), then where people travel, then where attackers sit.
#[rustfmt::skip]
pub(crate) const CITIES: &[City] = &[
    city!("Berlin", "Land Berlin", "Germany", "DE", "10115", "52.5244", "13.4105", 60, "spreenetz example", 64496),
    city!("London", "England", "United Kingdom", "GB", "EC1A", "51.5085", "-0.1257", 0, "thamesline example", 64497),
    city!("Lisbon", "Lisbon", "Portugal", "PT", "1100", "38.7169", "-9.1399", 0, "tejo fibra example", 64498),
    city!("Warsaw", "Mazovia", "Poland", "PL", "00-001", "52.2297", "21.0122", 60, "wislanet example", 64499),
    city!("Lagos", "Lagos", "Nigeria", "NG", "100001", "6.4541", "3.3947", 60, "lagoon broadband example", 64500),
    city!("Nairobi", "Nairobi County", "Kenya", "KE", "00100", "-1.2833", "36.8167", 180, "savanna link example", 64501),
    city!("Bengaluru", "Karnataka", "India", "IN", "560001", "12.9719", "77.5937", 330, "deccan fibre example", 64502),
    city!("Toronto", "Ontario", "Canada", "CA", "M5H", "43.7064", "-79.3986", -300, "maple cable example", 64503),
    city!("Austin", "Texas", "United States", "US", "73301", "30.2672", "-97.7431", -360, "lone star cable example", 64504),
    city!("São Paulo", "São Paulo", "Brazil", "BR", "01000", "-23.5475", "-46.6361", -180, "pauliceia telecom example", 64505),
    city!("Vienna", "Vienna", "Austria", "AT", "1010", "48.2085", "16.3721", 60, "hotel donau guest example", 64506),
    city!("Tokyo", "Tokyo", "Japan", "JP", "100-0001", "35.6895", "139.6917", 540, "conference wifi example", 64507),
    city!("Denver", "Colorado", "United States", "US", "80202", "39.7392", "-104.9847", -420, "mile high airport wifi example", 64508),
    city!("Reykjavik", "Capital Region", "Iceland", "IS", "101", "64.1355", "-21.8954", 0, "cheap vps example", 64509),
    city!("Auckland", "Auckland", "New Zealand", "NZ", "1010", "-36.8485", "174.7635", 720, "bulletproof colo example", 64510),
];
/// Cities before this one are homes.
pub(crate) const HOMES: usize = 10;
/// Cities from `HOMES` to before this one are travelled to; later ones are attackers'.
pub(crate) const TRAVEL_END: usize = 13;

/// What people do decides which calls they make and how often.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Team {
    Backend,
    Frontend,
    Data,
    Platform,
    Mobile,
    Security,
}

/// One person; the place in `PEOPLE` is the person's number everywhere.
pub(crate) struct Person {
    pub(crate) first: &'static str,
    pub(crate) last: &'static str,
    /// ASCII local part of the mail address; the GitHub login is derived from it.
    pub(crate) mail: &'static str,
    pub(crate) team: Team,
    pub(crate) city: usize,
}

const fn person(
    first: &'static str,
    last: &'static str,
    mail: &'static str,
    team: Team,
    city: usize,
) -> Person {
    Person { first, last, mail, team, city }
}

use Team::{Backend, Data, Frontend, Mobile, Platform, Security};

#[rustfmt::skip]
pub(crate) const PEOPLE: &[Person] = &[
    person("Ines", "Falkenrath", "ines.falkenrath", Platform, 0),
    person("Tobias", "Ehrenwald", "tobias.ehrenwald", Backend, 0),
    person("Nermin", "Kayalar", "nermin.kayalar", Backend, 0),
    person("Jorun", "Haugstad", "jorun.haugstad", Security, 0),
    person("Mateusz", "Brzozik", "mateusz.brzozik", Backend, 3),
    person("Agnieszka", "Wronowska", "agnieszka.wronowska", Data, 3),
    person("Oleksii", "Sternenko", "oleksii.sternenko", Platform, 3),
    person("Zofia", "Łąkowska", "zofia.lakowska", Frontend, 3),
    person("Priyanka", "Devarajan", "priyanka.devarajan", Backend, 6),
    person("Rohit", "Ballary", "rohit.ballary", Platform, 6),
    person("Ananya", "Kurupath", "ananya.kurupath", Data, 6),
    person("Farhan", "Siddiquee", "farhan.siddiquee", Mobile, 6),
    person("Lakshmi", "Vennala", "lakshmi.vennala", Backend, 6),
    person("Chidinma", "Okorafor-Bello", "chidinma.okorafor", Backend, 4),
    person("Tunde", "Adeyanju", "tunde.adeyanju", Platform, 4),
    person("Halima", "Danjumai", "halima.danjumai", Frontend, 4),
    person("Wanjiru", "Kamaunga", "wanjiru.kamaunga", Data, 5),
    person("Otieno", "Ombasa", "otieno.ombasa", Backend, 5),
    person("Seán \"Finn\"", "O'Maolain", "sean.omaolain", Backend, 1),
    person("Beatrix", "Thornhollow", "beatrix.thornhollow", Platform, 1),
    person("Kwame", "Asantewaa", "kwame.asantewaa", Frontend, 1),
    person("Imogen", "Pellworth", "imogen.pellworth", Security, 1),
    person("Rahma", "Abdirashid", "rahma.abdirashid", Backend, 1),
    person("Duarte", "Figueirôa", "duarte.figueiroa", Backend, 2),
    person("Marisol", "Quintela", "marisol.quintela", Frontend, 2),
    person("Afonso", "Velhinho", "afonso.velhinho", Data, 2),
    person("Camila", "Nogueirense", "camila.nogueirense", Mobile, 9),
    person("Thiago", "Arapongas", "thiago.arapongas", Backend, 9),
    person("Yara", "Itaquera", "yara.itaquera", Platform, 9),
    person("Mei-Lin", "Tsangaris", "meilin.tsangaris", Backend, 7),
    person("Gurpreet", "Dhaliwala", "gurpreet.dhaliwala", Platform, 7),
    person("Élodie", "Marchandeau", "elodie.marchandeau", Data, 7),
    person("Anishinaabe", "Whitecrane", "anish.whitecrane", Frontend, 7),
    person("Dakota", "Restrepo-Lynn", "dakota.restrepo", Platform, 8),
    person("Hieu", "Tranquillo", "hieu.tranquillo", Backend, 8),
    person("Marguerite", "Boudrelle", "marguerite.boudrelle", Mobile, 8),
    person("Jamal", "Whitfieldson", "jamal.whitfieldson", Backend, 8),
    person("Soo-Ah", "Baekman", "sooah.baekman", Frontend, 8),
    person("Ezra", "Lindqvistson", "ezra.lindqvistson", Security, 8),
    person("Valentina", "Corralejo", "valentina.corralejo", Data, 8),
];

/// The three accounts: number, name.
pub(crate) const ACCOUNTS: [(&str, &str); 3] =
    [("111122223333", "prod"), ("444455556666", "staging"), ("777788889999", "dev")];
pub(crate) const PROD: usize = 0;
pub(crate) const STAGING: usize = 1;
pub(crate) const DEV: usize = 2;

/// What runs in production; each has a repository of the same name.
pub(crate) const SERVICES: &[&str] = &[
    "checkout",
    "catalog",
    "inventory",
    "payments",
    "ledger",
    "identity",
    "notifier",
    "search",
    "shipping",
    "pricing",
    "reviews",
    "recommender",
];

/// Repository: name, language, visibility public?
#[rustfmt::skip]
pub(crate) const REPOS: &[(&str, &str, bool)] = &[
    ("checkout", "Rust", false), ("catalog", "Go", false), ("inventory", "Go", false), ("payments", "Rust", false),
    ("ledger", "Rust", false), ("identity", "Kotlin", false), ("notifier", "Python", false), ("search", "Java", false),
    ("shipping", "Go", false), ("pricing", "Python", false), ("reviews", "TypeScript", false),
    ("recommender", "Python", false), ("web-shop", "TypeScript", false), ("web-admin", "TypeScript", false),
    ("ios-app", "Swift", false), ("android-app", "Kotlin", false), ("design-system", "TypeScript", true),
    ("infra-live", "HCL", false), ("infra-modules", "HCL", false), ("ci-actions", "Shell", false),
    ("data-pipelines", "Python", false), ("ml-features", "Python", false), ("acme-sdk", "TypeScript", true),
    ("status-page", "TypeScript", true), ("security-tools", "Go", false),
];
/// Public repository that outside people contribute to.
pub(crate) const PUBLIC_REPO: usize = 22;
/// Repository whose pipeline applies Terraform.
pub(crate) const INFRA_REPO: usize = 17;

pub(crate) const BUCKETS: &[&str] = &[
    "acme-prod-receipts",
    "acme-prod-product-images",
    "acme-prod-exports",
    "acme-staging-artifacts",
    "acme-dev-scratch",
    "acme-data-lake-raw",
    "acme-data-lake-curated",
    "acme-terraform-state",
    "acme-cloudtrail-archive",
    "acme-web-assets",
    "acme-ml-features",
    "acme-backups-eu",
];

/// Outside GitHub accounts: contributors of the public repositories, then the attacker's.
pub(crate) const OUTSIDERS: &[&str] = &["pebble-wright", "quietotter42", "lumenforge", "zx-null-ptr"];
pub(crate) const ATTACKER_LOGIN: usize = PEOPLE.len() + 3;
pub(crate) const DEPENDABOT: usize = PEOPLE.len() + 4;
pub(crate) const ACTIONS_BOT: usize = PEOPLE.len() + 5;
/// Everyone who can act on GitHub: people, outsiders, two bots.
pub(crate) const LOGINS: usize = PEOPLE.len() + 6;

pub(crate) const ORG_LOGIN: &str = "acme-works";
pub(crate) const MAIL_DOMAIN: &str = "acme.example";

pub(crate) const COMMIT_SUBJECTS: &[&str] = &[
    "Return the retry budget in the error",
    "Fix off-by-one in page cursor",
    "Drop unused feature flag",
    "Cache price lists per currency",
    "Raise timeout of the \"slow\" partner",
    "Rename Order to Basket",
    "Log the basket id with each refusal",
    "Bump base image",
    "Explain why the lock is held",
    "Stop double-charging on retry",
    "Split the handler\n\nIt had grown past a screen.",
    "Add index on created_at",
    "Translate the empty state (Français, Português)",
    "Revert \"Cache price lists per currency\"",
    "Test the refund path",
    "Use the shared HTTP client",
    "Make the migration re-runnable",
    "Tidy imports",
];
pub(crate) const BRANCHES: &[&str] = &[
    "fix/page-cursor",
    "feature/gift-cards",
    "chore/bump-base-image",
    "fix/retry-budget",
    "feature/saved-baskets",
    "refactor/orders",
    "feature/eu-tax-2",
    "fix/flaky-refund-test",
    "perf/price-cache",
    "docs/runbook",
];
pub(crate) const FILES: &[&str] = &[
    "src/main.rs",
    "src/handlers/orders.rs",
    "src/cursor.rs",
    "internal/store/store.go",
    "README.md",
    "tests/refund_test.py",
    "package.json",
    "Dockerfile",
    "src/components/Basket.tsx",
    "migrations/0042_index.sql",
    "docs/runbook.md",
    "Cargo.lock",
    "pkg/pricing/cache.go",
    "app/models/order.kt",
    "deploy/values.yaml",
];
