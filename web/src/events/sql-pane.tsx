import { Button, Group, Menu, Text, Textarea } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { Empty } from '../feedback/empty'
import { ProblemNote } from '../feedback/problem-note'
import { bytes, count } from '../time/format'
import { ExportMenu, type ExportKind } from './export-menu'
import { ask, download, EXPORTS, type Answer } from './lake'
import { ResultTable, type ShownColumn } from './result-table'
import classes from './events.module.css'

const EXAMPLES = [
  {
    name: 'Who talks most, and as how many people',
    sql: "SELECT src_endpoint_ip, count(*) AS n, count(DISTINCT actor_user_name) AS people\nFROM events\nWHERE time > now() - interval '7 days'\nGROUP BY src_endpoint_ip\nORDER BY n DESC\nLIMIT 20",
  },
  {
    name: 'What one person did',
    sql: "SELECT time, class_name, api_operation, src_endpoint_ip\nFROM events\nWHERE actor_user_name = 'alice' AND time > now() - interval '90 days'\nORDER BY time",
  },
  {
    name: 'Events by class and source',
    sql: 'SELECT source, class_name, count(*) AS n, max(time) AS newest\nFROM events\nGROUP BY source, class_name\nORDER BY n DESC',
  },
  {
    name: 'A field deep in the record',
    sql: "SELECT json_text(raw, 'userIdentity', 'type') AS kind, count(*) AS n\nFROM api_activity\nGROUP BY kind\nORDER BY n DESC",
  },
]

/** One SELECT, and its rows. */
export function SqlPane({ initial }: { initial: string }) {
  const [sql, setSql] = useState(initial || (EXAMPLES[2]?.sql ?? ''))
  const navigate = useNavigate()
  const [asked, setAsked] = useState<string | null>(null)
  const run = useMutation({ mutationFn: (text: string) => ask({ sql: text, parameters: [] }) })
  const start = () => {
    setAsked(sql)
    run.mutate(sql)
    void navigate({ to: '/events', search: { sql }, replace: true })
  }
  return (
    <>
      <Textarea
        aria-label="SQL"
        autosize
        minRows={5}
        maxRows={18}
        value={sql}
        spellCheck={false}
        classNames={{ input: 'mono' }}
        onChange={(event) => setSql(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) start()
        }}
      />
      <Group my="sm" gap="xs">
        <Button onClick={start} loading={run.isPending} disabled={!sql.trim()}>
          Ask (Ctrl Enter)
        </Button>
        <Menu>
          <Menu.Target>
            <Button variant="default">Examples</Button>
          </Menu.Target>
          <Menu.Dropdown>
            {EXAMPLES.map((example) => (
              <Menu.Item key={example.name} onClick={() => setSql(example.sql)}>
                {example.name}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
        <Text className="dim" role="status">
          {run.data
            ? `${count(run.data.rows.length)} rows${run.data.truncated ? ', cut off: ask more narrowly, or export' : ''}`
            : ''}
        </Text>
        <span className={classes.spacer} />
        <ExportMenu kinds={exportsOf(asked ?? '')} ready={Boolean(run.data && asked)} />
      </Group>
      {run.isError ? <ProblemNote error={run.error} what="The question" /> : null}
      {run.data && run.data.rows.length > 0 ? (
        <ResultTable label="Rows" columns={columnsOf(run.data)} rows={run.data.rows} />
      ) : null}
      {run.data?.rows.length === 0 ? (
        <Empty title="No rows">The question is right, and nothing answers it.</Empty>
      ) : null}
    </>
  )
}

/** Columns by what their first values are. */
function columnsOf({ columns, rows }: Answer): ShownColumn<unknown[]>[] {
  return columns.map((title, index) => {
    const first = rows.find((row) => row[index] !== null)?.[index]
    const isTime = typeof first === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(first)
    const kind = typeof first === 'number' ? 'number' : isTime ? 'time' : 'text'
    return { key: String(index), title, kind, of: (row) => row[index] }
  })
}

/** Made by the server, from the same question. */
function exportsOf(sql: string): ExportKind[] {
  return EXPORTS.map(({ format, word, ending }) => ({
    word,
    ending,
    make: async (onProgress, signal) => {
      const hear = (loaded: number) => onProgress(`${bytes(loaded)} so far`)
      return { blob: await download({ sql, parameters: [] }, format, hear, signal) }
    },
  }))
}
