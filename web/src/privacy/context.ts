/** Words beside a place. */
import { after, asciiLower, back, before, isAsciiLetter } from './character'

export class Nearby {
  private readonly words: Set<string>

  constructor(
    words: string[],
    private readonly chars: number,
  ) {
    this.words = new Set(words)
  }

  /** Whether one of the words stands, whole, within the characters before `at`. */
  before(text: string, at: number): boolean {
    return this.holds(text, back(text, at, this.chars), at)
  }

  /** The same within the characters from `at` on. */
  after(text: string, at: number): boolean {
    let end = at
    for (let count = 0; count < this.chars && end < text.length; count++) end += after(text, end).length
    return this.holds(text, at, end)
  }

  /** Words are runs of ASCII letters that stand whole inside `start..end`: one that the window cuts does not count. */
  private holds(text: string, start: number, end: number): boolean {
    const window = text.slice(start, end)
    for (const match of window.matchAll(/[A-Za-z]+/g)) {
      const cutBefore = match.index === 0 && isAsciiLetter(before(text, start))
      const cutAfter = match.index + match[0].length === window.length && isAsciiLetter(after(text, end))
      if (!cutBefore && !cutAfter && this.words.has(asciiLower(match[0]))) return true
    }
    return false
  }
}
