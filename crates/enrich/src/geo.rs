//! Where an address is: countries and autonomous systems from MaxMind DB files.
//!
//! Format: MaxMind DB File Format Specification 2.0, read by `maxminddb`. A file is read whole and verified
//! when it is loaded, so that a lookup meets a sound tree; what still fails is counted and told to nobody as an
//! answer.

use crate::error::GeoError;
use crate::limits::DATABASE_BYTES_MAX;
use maxminddb::{Reader, WithinOptions};
use model::Provenance;
use serde::Deserialize;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

/// Records that are looked at to find out what a database knows.
const RECORDS_TRIED: usize = 4_096;

/// The parts of a record that are of use; GeoIP2 and GeoLite2 Country, City, Enterprise, ASN and ISP, and
/// databases of the same shape such as DB-IP's.
#[derive(Debug, Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    country: Option<Country<'a>>,
    autonomous_system_number: Option<u32>,
    #[serde(borrow)]
    autonomous_system_organization: Option<&'a str>,
    #[serde(borrow)]
    traits: Option<Traits<'a>>,
}

#[derive(Debug, Deserialize)]
struct Country<'a> {
    #[serde(borrow)]
    iso_code: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
struct Traits<'a> {
    autonomous_system_number: Option<u32>,
    #[serde(borrow)]
    autonomous_system_organization: Option<&'a str>,
}

/// What is known of an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Address<'a> {
    /// ISO 3166-1 alpha-2.
    pub country: Option<&'a str>,
    /// The autonomous system that announces it.
    pub asn: Option<u32>,
    /// That system's organisation.
    pub as_org: Option<&'a str>,
}

/// One verified database.
#[derive(Debug)]
pub struct GeoDatabase {
    reader: Reader<Vec<u8>>,
    source: String,
    built_ms: i64,
    has_country: bool,
    has_asn: bool,
}

impl GeoDatabase {
    /// Reads and verifies a file.
    ///
    /// # Errors
    /// [`GeoError`] when it cannot be read, is too large, or is not sound.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let file = path.display().to_string();
        let unreadable = |source| GeoError::Unreadable { file: file.clone(), source };
        let opened = std::fs::File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        opened.take(DATABASE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        Self::from_bytes(&file, bytes)
    }

    /// Verifies the bytes of a file; `file` is its name for messages.
    ///
    /// # Errors
    /// [`GeoError`] when they are too many, or not sound.
    pub fn from_bytes(file: &str, bytes: Vec<u8>) -> Result<Self, GeoError> {
        if bytes.len() as u64 > DATABASE_BYTES_MAX {
            return Err(GeoError::TooLarge { file: file.to_owned(), max: DATABASE_BYTES_MAX });
        }
        let invalid = |error: maxminddb::MaxMindDbError| GeoError::Invalid {
            file: file.to_owned(),
            reason: error.to_string(),
        };
        let reader = Reader::from_source(bytes).map_err(invalid)?;
        reader.verify().map_err(invalid)?;
        let metadata = reader.metadata();
        let source = format!("geoip:{}", metadata.database_type);
        let built_ms = i64::try_from(metadata.build_epoch).unwrap_or(i64::MAX).saturating_mul(1_000);
        let mut database = Self { reader, source, built_ms, has_country: false, has_asn: false };
        (database.has_country, database.has_asn) = database.knows();
        Ok(database)
    }

    /// Whether some record has a country, and whether some has an autonomous system.
    fn knows(&self) -> (bool, bool) {
        let Ok(networks) = self.reader.networks(WithinOptions::default()) else { return (false, false) };
        let records =
            networks.take(RECORDS_TRIED).filter_map(|found| found.ok()?.decode::<Record<'_>>().ok()?);
        records.map(|record| Address::of(&record)).fold((false, false), |(country, asn), address| {
            (country || address.country.is_some(), asn || address.asn.is_some())
        })
    }

    /// The database's own name for what it holds.
    pub fn database_type(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// When it was built, milliseconds since the epoch.
    pub fn built_ms(&self) -> i64 {
        self.built_ms
    }

    /// What answers from this database carry.
    pub fn provenance(&self, event_time_ms: i64) -> Provenance<'_> {
        Provenance {
            source: &self.source,
            as_of_ms: self.built_ms,
            before_known: event_time_ms < self.built_ms,
        }
    }

    /// What the database says of an address; nothing for a network it does not have.
    ///
    /// # Errors
    /// What the reader found wrong with the record.
    pub fn address(&self, ip: IpAddr) -> Result<Address<'_>, maxminddb::MaxMindDbError> {
        let Some(ip) = self.known_family(ip) else { return Ok(Address::default()) };
        let record = self.reader.lookup(ip)?.decode::<Record<'_>>()?;
        Ok(record.map(|record| Address::of(&record)).unwrap_or_default())
    }

    /// The whole record of an address, as JSON.
    ///
    /// # Errors
    /// What the reader found wrong with the record.
    pub fn record(&self, ip: IpAddr) -> Result<Option<serde_json::Value>, maxminddb::MaxMindDbError> {
        match self.known_family(ip) {
            Some(ip) => self.reader.lookup(ip)?.decode(),
            None => Ok(None),
        }
    }

    /// The address as the database has it; `None` for IPv6 where it has IPv4 only.
    fn known_family(&self, ip: IpAddr) -> Option<IpAddr> {
        let ip = ip.to_canonical();
        (ip.is_ipv4() || self.reader.metadata().ip_version == 6).then_some(ip)
    }
}

impl<'a> Address<'a> {
    fn of(record: &Record<'a>) -> Self {
        let traits = record.traits.as_ref();
        Self {
            country: record.country.as_ref().and_then(|country| country.iso_code),
            asn: record.autonomous_system_number.or(traits.and_then(|t| t.autonomous_system_number)),
            as_org: record
                .autonomous_system_organization
                .or(traits.and_then(|t| t.autonomous_system_organization)),
        }
    }
}

/// The configured databases: one answers for countries, one for autonomous systems; it may be the same.
#[derive(Debug, Default)]
pub struct GeoDatabases {
    databases: Vec<GeoDatabase>,
    country: Option<usize>,
    asn: Option<usize>,
}

/// What the databases say of an address, and which of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Located<'a> {
    pub(crate) address: Address<'a>,
    pub(crate) country_source: Option<Provenance<'a>>,
    pub(crate) asn_source: Option<Provenance<'a>>,
    pub(crate) errors: u32,
}

impl GeoDatabases {
    /// Opens files; the first that knows countries answers for them, the first that knows autonomous systems
    /// for those. Those that cannot be used are in the errors.
    pub fn open<'p>(paths: impl IntoIterator<Item = &'p Path>) -> (Self, Vec<GeoError>) {
        let (mut databases, mut errors) = (Self::default(), Vec::new());
        for path in paths {
            match GeoDatabase::open(path) {
                Ok(database) if database.has_country || database.has_asn => databases.add(database),
                Ok(database) => {
                    let database_type = database.database_type().to_owned();
                    errors.push(GeoError::Useless { file: path.display().to_string(), database_type });
                }
                Err(error) => errors.push(error),
            }
        }
        (databases, errors)
    }

    /// Adds a verified database behind those that are there.
    pub fn add(&mut self, database: GeoDatabase) {
        let at = self.databases.len();
        self.country = self.country.or(database.has_country.then_some(at));
        self.asn = self.asn.or(database.has_asn.then_some(at));
        self.databases.push(database);
    }

    /// Whether nothing is known of any address.
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// Each database's type and build time.
    pub fn databases(&self) -> impl ExactSizeIterator<Item = &GeoDatabase> {
        self.databases.iter()
    }

    pub(crate) fn locate(&self, ip: IpAddr, event_time_ms: i64) -> Located<'_> {
        let mut located = Located::default();
        let of = |at: Option<usize>| at.and_then(|at| self.databases.get(at));
        let Some(first) = of(self.country).or(of(self.asn)) else { return located };
        match first.address(ip) {
            Ok(address) => located.address = address,
            Err(_) => located.errors += 1,
        }
        if self.country.is_some() && located.address.country.is_some() {
            located.country_source = Some(first.provenance(event_time_ms));
        }
        let asn_database = of(self.asn);
        if let (Some(database), true) = (asn_database, self.asn != self.country && self.country.is_some()) {
            match database.address(ip) {
                Ok(Address { asn, as_org, .. }) => {
                    (located.address.asn, located.address.as_org) = (asn, as_org);
                }
                Err(_) => located.errors += 1,
            }
        }
        located.asn_source =
            asn_database.filter(|_| located.address.asn.is_some()).map(|d| d.provenance(event_time_ms));
        located
    }
}
