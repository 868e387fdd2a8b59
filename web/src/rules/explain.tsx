import { Button, Text, Textarea } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { callJson } from '../api/client'
import { isMissingRoute } from '../api/problem'
import { CopyBlock } from '../feedback/copy-block'
import { ProblemNote } from '../feedback/problem-note'
import { JsonView } from '../json/json-view'
import { faultOf } from './record'

/** Asks the server why a rule matches a record or not; where it cannot say, gives the command that can. */
export function Explain({ id }: { id: string }) {
  const [record, setRecord] = useState('')
  const explain = useMutation({
    mutationFn: () =>
      callJson<Record<string, unknown>>('POST', `/api/v1/rules/${id}/explain`, {
        body: { record: JSON.parse(record) as unknown },
      }),
  })
  const fault = faultOf(record)
  return (
    <>
      <Textarea
        aria-label="A record, as JSON"
        placeholder='{"eventName": "GetCallerIdentity", …}'
        autosize
        minRows={4}
        maxRows={16}
        spellCheck={false}
        classNames={{ input: 'mono' }}
        value={record}
        onChange={(event) => setRecord(event.currentTarget.value)}
        error={fault}
      />
      <Button
        mt="xs"
        variant="default"
        disabled={!record.trim() || fault !== null}
        loading={explain.isPending}
        onClick={() => explain.mutate()}
      >
        Explain
      </Button>
      {explain.isError ? (
        isMissingRoute(explain.error) ? (
          <>
            <Text my="xs" role="status">
              This server explains on the command line only. With the record in a file:
            </Text>
            <CopyBlock label="the command" text={`huecry rules explain ${id} --event record.json`} />
          </>
        ) : (
          <ProblemNote error={explain.error} what="Explaining" />
        )
      ) : null}
      {explain.data ? <JsonView value={explain.data} label="The explanation" /> : null}
    </>
  )
}
