import { Button, Group, SegmentedControl, Select, Text, Textarea } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { callJson } from '../api/client'
import type { Explained } from '../api/pending'
import { ask, cellText } from '../events/lake'
import { noticeError } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { STEPS } from '../settings/set-up'
import { Outcome } from './explanation'
import { bodyOf, hindrance, type Pasted } from './record'

const KINDS = STEPS.flatMap((step) => step.senders).map(({ kind, name }) => ({ value: kind, label: name }))
const SAMPLE_SQL = 'SELECT raw FROM events WHERE event_id = $1 AND time = to_timestamp_millis($2) LIMIT 1'

interface Sample {
  event_id: string
  time_ms: number
}

/** Asks the server why a rule matches a record or not. */
export function Explain({ id, sample }: { id: string; sample: Sample | undefined }) {
  const [text, setText] = useState('')
  const [as, setAs] = useState<Pasted>('record')
  const [source, setSource] = useState<string | null>(null)
  const explain = useMutation({
    mutationFn: () =>
      callJson<Explained>('POST', `/api/v1/rules/${encodeURIComponent(id)}/explain`, {
        body: bodyOf(text, as, source ?? ''),
      }),
  })
  const fetchSample = useMutation({
    mutationFn: async ({ event_id, time_ms }: Sample) => {
      const answer = await ask({ sql: SAMPLE_SQL, parameters: [event_id, time_ms] })
      return cellText(answer.rows[0]?.[0])
    },
    onSuccess: (raw) => {
      setAs('record')
      setText(pretty(raw))
    },
    onError: (error) => noticeError('The record was not fetched', error),
  })
  const fault = hindrance(text, as)
  const ready = text.trim() !== '' && fault === null
  const press = (event: React.KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && ready) explain.mutate()
  }
  return (
    <>
      <Group gap="xs" mb="xs" align="center">
        <SegmentedControl
          aria-label="What is pasted"
          value={as}
          onChange={(value) => setAs(value as Pasted)}
          data={[
            { value: 'record', label: 'Record as sent' },
            { value: 'event', label: 'OCSF event' },
          ]}
        />
        {as === 'record' ? (
          <Select
            aria-label="Source of the record"
            placeholder="Source: told from the record"
            data={KINDS}
            value={source}
            onChange={setSource}
            clearable
            searchable
            w={230}
            clearButtonProps={{ 'aria-label': 'Told from the record' }}
          />
        ) : null}
        {sample ? (
          <Button variant="subtle" loading={fetchSample.isPending} onClick={() => fetchSample.mutate(sample)}>
            Take the last one it matched
          </Button>
        ) : null}
      </Group>
      <Textarea
        aria-label={as === 'record' ? 'A record' : 'An OCSF event'}
        placeholder={
          as === 'record' ? '{"eventName": "GetCallerIdentity", …}' : '{"class_uid": 6003, "api": {"operation": …}}'
        }
        autosize
        minRows={4}
        maxRows={16}
        spellCheck={false}
        classNames={{ input: 'mono' }}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={press}
        error={fault}
      />
      <Group mt="xs" gap="sm">
        <Button variant="default" disabled={!ready} loading={explain.isPending} onClick={() => explain.mutate()}>
          Explain
        </Button>
        <Text className="dim" size="xs">
          Ctrl Enter. Nothing of it is kept.
        </Text>
      </Group>
      {explain.isError ? <ProblemNote error={explain.error} what="Explaining" /> : null}
      {explain.data ? <Outcome explained={explain.data} /> : null}
    </>
  )
}

function pretty(raw: string): string {
  try {
    return JSON.stringify(JSON.parse(raw), null, 2)
  } catch {
    return raw
  }
}
