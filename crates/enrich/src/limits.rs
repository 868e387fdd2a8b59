//! Every bound of this crate, by name.

/// Largest catalogue or CODEOWNERS file, in bytes; GitHub ignores a CODEOWNERS of more than 3 MB.
pub const FILE_BYTES_MAX: u64 = 8 << 20;
/// Most catalogue files that one configuration may name.
pub const FILES_MAX: usize = 10_000;
/// Deepest folder below a configured one.
pub const FOLDER_DEPTH_MAX: usize = 16;
/// Deepest nesting of a YAML document.
pub const YAML_DEPTH_MAX: usize = 64;
/// Most values of one YAML file.
pub const YAML_VALUES_MAX: usize = 2_000_000;
/// Most values that the anchors (`&name`) and aliases (`*name`) of one YAML file copy.
pub const YAML_COPIED_VALUES_MAX: usize = 100_000;
/// Most entries of one YAML map.
pub const YAML_MAP_ENTRIES_MAX: usize = 2_048;
/// Most entities (services, groups, users) of one catalogue.
pub const ENTITIES_MAX: usize = 100_000;
/// Most things (repositories, hosts, …) that one service may claim.
pub const CLAIMS_PER_SERVICE_MAX: usize = 2_048;
/// Most patterns with wildcards that share one literal beginning.
pub const PATTERNS_PER_PREFIX_MAX: usize = 1_024;
/// Longest name, claim or owner, in bytes.
pub const NAME_BYTES_MAX: usize = 1_024;
/// Longest pattern of a CODEOWNERS file, in bytes.
pub const PATTERN_BYTES_MAX: usize = 1_024;
/// Most rules of one CODEOWNERS file.
pub const RULES_PER_FILE_MAX: usize = 100_000;
/// Longest path that is looked up, in bytes.
pub const PATH_BYTES_MAX: usize = 4_096;
/// Most faults that are kept of one load.
pub const FAULTS_MAX: usize = 1_000;
/// Most states of the catalogue that are kept for events of the past.
pub const GENERATIONS_MAX: usize = 16;
/// Largest MaxMind database, in bytes.
pub const DATABASE_BYTES_MAX: u64 = 1 << 30;
/// Most processes that one worker remembers.
pub const PROCESSES_MAX: usize = 1 << 18;
/// Most processes that one worker remembers of one host.
pub const PROCESSES_PER_HOST_MAX: usize = 1 << 12;
/// Most hosts whose processes one worker remembers.
pub const HOSTS_MAX: usize = 1 << 12;
/// Longest chain of ancestors that is given.
pub const ANCESTORS_MAX: usize = 16;
/// Longest path of an executable that is remembered, in bytes; the rest is cut.
pub const IMAGE_BYTES_MAX: usize = 512;
