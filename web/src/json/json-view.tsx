import { ActionIcon, CopyButton, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useMemo } from 'react'
import { jsonLines, LINES_MAX } from './lines'
import classes from './json.module.css'

/** JSON to read, with the values that matter marked. */
export function JsonView({ value, marks = [], label }: { value: unknown; marks?: readonly string[]; label: string }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  const marksKey = marks.join('\0')
  const lines = useMemo(
    () => (typeof value === 'string' ? [] : jsonLines(value, marksKey.split('\0'))),
    [value, marksKey],
  )
  return (
    <div className={classes.view}>
      <pre tabIndex={0} aria-label={label} role="region">
        {typeof value === 'string'
          ? value
          : lines.slice(0, LINES_MAX).map((line, index) => (
              <div key={index}>
                {line.map((piece, position) =>
                  piece.marked ? (
                    <mark key={position}>{piece.text}</mark>
                  ) : piece.kind === 'plain' ? (
                    piece.text
                  ) : (
                    <span key={position} data-kind={piece.kind}>
                      {piece.text}
                    </span>
                  ),
                )}
              </div>
            ))}
        {lines.length > LINES_MAX ? `… cut after ${String(LINES_MAX)} lines; copy has all` : ''}
      </pre>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? 'Copied' : 'Copy'}>
            <ActionIcon className={classes.copy} onClick={copy} aria-label={`Copy: ${label}`}>
              {copied ? <IconCheck size={15} /> : <IconCopy size={15} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  )
}
