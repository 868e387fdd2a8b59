//! How alike two texts are, from 256 bytes each: MinHash (Broder 1997) over shingles of three words.

/// Numbers of a signature.
pub const HASHES: usize = 64;
/// A signature's length, in bytes.
pub const SIGNATURE_BYTES: usize = HASHES * 4;
/// Words of a shingle.
pub const SHINGLE_WORDS: usize = 3;
/// Words of a text that are looked at.
const WORDS_MAX: usize = 4_096;
/// Longest placeholder of what was masked, in bytes.
const PLACEHOLDER_BYTES_MAX: usize = 32;
/// FNV-1a, 64 bits: written down, so that signatures that are kept mean the same in the next version.
const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

/// The signature of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u32; HASHES]);

impl Signature {
    /// The signature of a text: words in lower case, whatever stands between them; what was masked (`[email 1]`) is left out,
    /// so that texts are not alike for it. A text of fewer words is one shingle.
    pub fn of(text: &str) -> Self {
        let words = word_hashes(text);
        let mut least = [u32::MAX; HASHES];
        let shingle_words = SHINGLE_WORDS.min(words.len());
        if shingle_words == 0 {
            return Self(least);
        }
        for shingle in words.windows(shingle_words) {
            let hash = shingle.iter().fold(FNV_OFFSET, |hash, word| mixed(hash ^ word));
            for (index, least) in least.iter_mut().enumerate() {
                // one permutation a place; the last value means an empty text
                let permuted = (mixed(hash ^ mixed(index as u64 + 1)) >> 32) as u32;
                *least = (*least).min(permuted.min(u32::MAX - 1));
            }
        }
        Self(least)
    }

    /// Whether the text had no words.
    pub fn is_empty(&self) -> bool {
        self.0[0] == u32::MAX
    }

    /// Estimate of the Jaccard index of the two texts' shingles, 0 to 1; its standard error is at most 1/16. A text without
    /// words is like none.
    pub fn jaccard(&self, other: &Self) -> f64 {
        if self.is_empty() || other.is_empty() {
            return 0.0;
        }
        let same = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count();
        same as f64 / HASHES as f64
    }

    /// Its numbers.
    pub const fn hashes(&self) -> &[u32; HASHES] {
        &self.0
    }

    /// The signature of these numbers.
    pub const fn from_hashes(hashes: [u32; HASHES]) -> Self {
        Self(hashes)
    }

    /// As it is kept: 64 little-endian numbers.
    pub fn to_bytes(&self) -> [u8; SIGNATURE_BYTES] {
        let mut bytes = [0; SIGNATURE_BYTES];
        for (chunk, hash) in bytes.chunks_exact_mut(4).zip(&self.0) {
            chunk.copy_from_slice(&hash.to_le_bytes());
        }
        bytes
    }

    /// What was kept; nothing if the length is another.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != SIGNATURE_BYTES {
            return None;
        }
        let mut hashes = [0; HASHES];
        for (hash, chunk) in hashes.iter_mut().zip(bytes.chunks_exact(4)) {
            *hash = u32::from_le_bytes(chunk.try_into().ok()?);
        }
        Some(Self(hashes))
    }
}

impl Default for Signature {
    /// Of the empty text.
    fn default() -> Self {
        Self([u32::MAX; HASHES])
    }
}

/// The largest set of nodes that are joined by edges, in order; nothing if no edge joins two. Edges to nodes that are not there
/// are left out.
pub fn largest_cluster(nodes: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..nodes).collect();
    for (i, j) in edges {
        if i < nodes && j < nodes {
            let (root_i, root_j) = (root(&mut parent, i), root(&mut parent, j));
            parent[root_i.max(root_j)] = root_i.min(root_j);
        }
    }
    let mut clusters: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for index in 0..nodes {
        clusters[root(&mut parent, index)].push(index);
    }
    // the first of the largest
    clusters.into_iter().rev().max_by_key(Vec::len).filter(|cluster| cluster.len() > 1).unwrap_or_default()
}

fn root(parent: &mut [usize], mut index: usize) -> usize {
    while parent[index] != index {
        parent[index] = parent[parent[index]];
        index = parent[index];
    }
    index
}

fn word_hashes(text: &str) -> Vec<u64> {
    let mut words = Vec::new();
    let mut rest = text;
    while words.len() < WORDS_MAX {
        let Some(start) = rest.find(|c: char| c.is_alphanumeric() || c == '[') else { break };
        rest = rest.get(start..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix('[') {
            rest = after_placeholder(after).unwrap_or(after);
            continue;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let bytes = word.chars().flat_map(char::to_lowercase);
        words
            .push(bytes.fold(FNV_OFFSET, |hash, c| (hash ^ u64::from(u32::from(c))).wrapping_mul(FNV_PRIME)));
        rest = after;
    }
    words
}

/// What follows `label 12]`, if that is what stands here.
fn after_placeholder(text: &str) -> Option<&str> {
    let near = text.get(..text.floor_char_boundary(PLACEHOLDER_BYTES_MAX)).unwrap_or_default();
    let (inside, _) = near.split_once(']')?;
    let after = text.get(inside.len() + 1..)?;
    let (label, number) = inside.rsplit_once(' ')?;
    let is_one = !label.is_empty()
        && label.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit());
    is_one.then_some(after)
}

/// The finalizer of SplitMix64 (Steele et al. 2014): each input bit changes half of the output bits.
const fn mixed(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
