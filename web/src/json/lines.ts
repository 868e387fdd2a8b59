/** A JSON value as lines of pieces, for showing. */

export interface Piece {
  kind: 'plain' | 'key' | 'text' | 'number'
  text: string
  /** A value that was asked to be marked. */
  marked?: boolean
}

export type Line = Piece[]

/** Most lines shown; a record of a megabyte would stop the page. */
export const LINES_MAX = 5_000

/** Writes `value` as `JSON.stringify` would with two spaces, marking scalars whose text is in `marks`. */
export function jsonLines(value: unknown, marks: readonly string[] = []): Line[] {
  const wanted = new Set(marks.filter((mark) => mark !== ''))
  const lines: Line[] = [[]]
  const put = (piece: Piece) => lines.at(-1)?.push(piece)
  const plain = (text: string) => put({ kind: 'plain', text })
  const write = (node: unknown, depth: number): void => {
    if (lines.length > LINES_MAX) return
    if (Array.isArray(node)) {
      members(
        node.map((item) => [null, item] as const),
        '[',
        ']',
        depth,
      )
    } else if (node !== null && typeof node === 'object') {
      members(Object.entries(node), '{', '}', depth)
    } else {
      const text = JSON.stringify(node) ?? 'null'
      put({ kind: typeof node === 'string' ? 'text' : 'number', text, marked: wanted.has(String(node)) || undefined })
    }
  }
  const members = (
    entries: readonly (readonly [string | null, unknown])[],
    open: string,
    close: string,
    depth: number,
  ) => {
    if (entries.length === 0) return plain(open + close)
    plain(open)
    for (const [index, [key, item]] of entries.entries()) {
      if (lines.length > LINES_MAX) return
      lines.push([{ kind: 'plain', text: '  '.repeat(depth + 1) }])
      if (key !== null) {
        put({ kind: 'key', text: JSON.stringify(key) })
        plain(': ')
      }
      write(item, depth + 1)
      if (index < entries.length - 1) plain(',')
    }
    lines.push([{ kind: 'plain', text: '  '.repeat(depth) + close }])
  }
  write(value, 0)
  return lines
}
