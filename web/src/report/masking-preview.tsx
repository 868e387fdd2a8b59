import type { Masked } from '../privacy/mask'
import { foundIn, foundWords, kindWords, piecesOf, type Found } from './masking'
import classes from './report.module.css'

/** How a text will be sent, where that is not how it was typed. */
export function MaskingPreview({ masked, label }: { masked: Masked; label: string }) {
  return (
    <div className={classes.preview} data-testid="preview">
      <div className={classes.previewHead}>
        {label} <b>{foundWords(foundIn([masked]))}</b> replaced
      </div>
      <p className={classes.previewText} tabIndex={0} role="group" aria-label={`${label} as it will be sent`}>
        {piecesOf(masked).map((piece, index) =>
          piece.kind ? <mark key={index}>{piece.text}</mark> : <span key={index}>{piece.text}</span>,
        )}
      </p>
    </div>
  )
}

/** What to keep out, for each kind that was found. */
export function KeepOut({ found }: { found: readonly Found[] }) {
  if (found.length === 0) return null
  return (
    <ul className={classes.keepOut} aria-label="Better kept out">
      {found.map(({ kind, count }) => {
        const { one, many, instead } = kindWords(kind)
        return (
          <li key={kind}>
            <b>
              {count} {count === 1 ? one : many}
            </b>{' '}
            {instead}
          </li>
        )
      })}
    </ul>
  )
}
