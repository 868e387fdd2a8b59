import classes from './severity.module.css'

/** One shape a severity, so that colour is never alone: they differ in outline, and grow in weight. */
const SHAPES: Record<string, React.ReactNode> = {
  critical: <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor" />,
  high: <path d="M8 1.2 15.4 14.4H.6z" fill="currentColor" />,
  medium: <path d="M8 .8 15.2 8 8 15.2.8 8z" fill="currentColor" />,
  low: <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" strokeWidth="2.6" />,
  informational: <path d="M2 8h12" stroke="currentColor" strokeWidth="2.6" />,
}

/** A severity by shape, colour and, unless `bare`, its word. */
export function SeverityMark({ severity, bare = false }: { severity: string; bare?: boolean }) {
  return (
    <span className={classes.mark} data-severity={severity}>
      <svg
        viewBox="0 0 16 16"
        width="14"
        height="14"
        role={bare ? 'img' : undefined}
        aria-hidden={!bare}
        aria-label={bare ? severity : undefined}
      >
        {SHAPES[severity] ?? SHAPES.informational}
      </svg>
      {bare ? null : <span className={classes.word}>{severity}</span>}
    </span>
  )
}
