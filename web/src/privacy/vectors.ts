/** The cases that the detectors are held to, as `crates/privacy/src/vectors.rs` reads them. */

export interface Vectors {
  frames: string[]
  vectors: {
    detector: string
    framed: boolean
    finds: string[]
    passes: string[]
    also_finds: string[]
    also_passes: string[]
  }[]
}

export interface Case {
  detector: string
  text: string
  places: [number, number][]
}

/** Every case, with frames and stand-ins filled in. */
export function casesOf({ frames, vectors }: Vectors): Case[] {
  return vectors.flatMap((vector) => {
    const framed = (values: string[], open: string, close: string) =>
      vector.framed
        ? values.flatMap((value) => frames.map((frame) => frame.replace('{}', () => open + value + close)))
        : values
    const texts = [
      ...framed(vector.finds, '«', '»'),
      ...vector.also_finds,
      ...framed(vector.passes, '', ''),
      ...vector.also_passes,
    ]
    return texts.map((text) => caseOf(vector.detector, text))
  })
}

function caseOf(detector: string, marked: string): Case {
  const places: [number, number][] = []
  let text = ''
  const filled = marked.replace(/\{([a-z0-9]+):([0-9]+)\}/g, (_, kind: string, length: string) =>
    characters(kind, Number(length)),
  )
  for (const c of filled) {
    if (c === '«') places.push([text.length, text.length])
    else if (c === '»') places.at(-1)![1] = text.length
    else text += c
  }
  return { detector, text, places }
}

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const DIGITS = '0123456789'
const ALPHABETS: Record<string, string> = {
  upper: UPPER + DIGITS,
  lower: LOWER,
  digit: DIGITS,
  hex: '0123456789abcdef',
  base32: `${UPPER}234567`,
  alnum: UPPER + LOWER + DIGITS,
  base64: `${UPPER}${LOWER}${DIGITS}+/`,
  word: `${UPPER}${LOWER}${DIGITS}_`,
}

/** So many characters of a kind, without chance, so that every reader makes the same. */
function characters(kind: string, length: number): string {
  const alphabet = ALPHABETS[kind]!
  let state = 0
  let made = ''
  for (let index = 0; index < length; index++) {
    state = (state * 31 + 17 + index) % 997
    made += alphabet.charAt(state % alphabet.length)
  }
  return made
}
