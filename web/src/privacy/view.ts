/** What detectors look at: the text with each placeholder as one character. `crates/privacy/src/view.rs` says why. */

/** Stands in a view for a place that is masked. */
export const MASKED = '\u{FFFC}'

/** Stands in a view for `MASKED` in the text, which is an ordinary character there. */
export const STAND_IN = '\u{FFFD}'

export interface Place {
  start: number
  end: number
}

interface Piece {
  view: number
  source: number
  length: number
}

export class View {
  readonly text: string
  private readonly pieces: Piece[] = []

  /** The view of `source` in which the places of `masked` (sorted, apart) are one character each. */
  constructor(source: string, masked: Place[]) {
    let text = ''
    let at = 0
    const copy = (start: number, end: number) => {
      if (start >= end) return
      this.pieces.push({ view: text.length, source: start, length: end - start })
      text += source.slice(start, end).replaceAll(MASKED, STAND_IN)
    }
    for (const { start, end } of masked) {
      copy(at, start)
      text += MASKED
      at = end
    }
    copy(at, source.length)
    this.text = text
  }

  /** Where in the text `start..end` of the view stands; nothing if a masked place is in it. */
  inSource(start: number, end: number): Place | undefined {
    let low = 0
    let high = this.pieces.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.pieces[middle]!.view <= start) low = middle + 1
      else high = middle
    }
    const piece = this.pieces[low - 1]
    if (!piece || start >= end || end > piece.view + piece.length) return undefined
    return { start: start - piece.view + piece.source, end: end - piece.view + piece.source }
  }
}
