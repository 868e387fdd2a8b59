//! Which of many prefixes (or, read from the end, suffixes) a text has.

/// The mark of a node where no affix ends.
const NONE: u32 = u32::MAX;

/// A trie over bytes. A walk is as long as the text and the affixes agree.
#[derive(Debug)]
pub(crate) struct Trie {
    nodes: Vec<TrieNode>,
    /// The bytes that lead on from each node, sorted within it, and where they lead.
    bytes: Vec<u8>,
    targets: Vec<u32>,
}

#[derive(Debug)]
struct TrieNode {
    from: u32,
    to: u32,
    value: u32,
}

impl Trie {
    /// Of affixes with a value each; the bytes in the order in which texts will be read. Sorts them.
    /// `None` when there are none.
    pub(crate) fn new(mut affixes: Vec<(Vec<u8>, u32)>) -> Option<Trie> {
        if affixes.is_empty() {
            return None;
        }
        affixes.sort_unstable();
        let mut trie = Trie { nodes: Vec::new(), bytes: Vec::new(), targets: Vec::new() };
        trie.nodes.push(TrieNode { from: 0, to: 0, value: NONE });
        // Breadth first, so that the edges of one node are adjacent. A range of affixes shares a node's path.
        let mut queue = std::collections::VecDeque::from([(0_usize, 0..affixes.len(), 0_usize)]);
        while let Some((node, range, depth)) = queue.pop_front() {
            let here = affixes.get(range.clone()).unwrap_or_default();
            let ended = here.iter().take_while(|(bytes, _)| bytes.len() == depth).count();
            let value = here.first().filter(|_| ended > 0).map_or(NONE, |(_, value)| *value);
            let from = trie.bytes.len() as u32;
            let mut at = range.start + ended;
            while let Some(&byte) = affixes.get(at).filter(|_| at < range.end).and_then(|(b, _)| b.get(depth))
            {
                let same = affixes.get(at..range.end).unwrap_or_default();
                let count = same.iter().take_while(|(bytes, _)| bytes.get(depth) == Some(&byte)).count();
                let next = trie.nodes.len();
                trie.nodes.push(TrieNode { from: 0, to: 0, value: NONE });
                trie.bytes.push(byte);
                trie.targets.push(next as u32);
                queue.push_back((next, at..at + count, depth + 1));
                at += count;
            }
            let to = trie.bytes.len() as u32;
            if let Some(known) = trie.nodes.get_mut(node) {
                *known = TrieNode { from, to, value };
            }
        }
        Some(trie)
    }

    /// Calls `found` with the value of each affix that the bytes begin with.
    pub(crate) fn walk(&self, bytes: impl Iterator<Item = u8>, mut found: impl FnMut(u32)) {
        let mut at = 0_u32;
        let mut bytes = bytes;
        while let Some(node) = self.nodes.get(at as usize) {
            if node.value != NONE {
                found(node.value);
            }
            let Some(byte) = bytes.next() else { return };
            let (from, to) = (node.from as usize, node.to as usize);
            let edges = self.bytes.get(from..to).unwrap_or_default();
            let Some(edge) = memchr::memchr(byte, edges) else { return };
            let Some(&next) = self.targets.get(from + edge) else { return };
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_comparing_one_by_one_finds(
            affixes in prop::collection::btree_set("[ab]{0,4}", 0..12),
            texts in prop::collection::vec("[abc]{0,6}", 1..8),
        ) {
            let affixes: Vec<String> = affixes.into_iter().collect();
            let valued = |reverse: bool| -> Vec<(Vec<u8>, u32)> {
                let bytes = |text: &String| if reverse { text.bytes().rev().collect() } else { text.bytes().collect() };
                affixes.iter().zip(0..).map(|(text, value)| (bytes(text), value)).collect()
            };
            let (forward, backward) = (Trie::new(valued(false)), Trie::new(valued(true)));
            prop_assert_eq!(forward.is_none(), affixes.is_empty());
            for text in texts {
                let (mut begins, mut ends) = (Vec::new(), Vec::new());
                if let (Some(forward), Some(backward)) = (&forward, &backward) {
                    forward.walk(text.bytes(), |value| begins.push(value));
                    backward.walk(text.bytes().rev(), |value| ends.push(value));
                }
                begins.sort_unstable();
                ends.sort_unstable();
                let by_hand = |holds: &dyn Fn(&String) -> bool| -> Vec<u32> {
                    affixes.iter().zip(0..).filter(|(affix, _)| holds(affix)).map(|(_, value)| value).collect()
                };
                prop_assert_eq!(begins, by_hand(&|affix| text.starts_with(affix.as_str())));
                prop_assert_eq!(ends, by_hand(&|affix| text.ends_with(affix.as_str())));
            }
        }
    }
}
