import { Button, Group, Textarea } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { appealAsSubject } from '../report/api'
import { reportsChanged } from './reports'

/** Who answers for the service of a report may ask for a decision on it to be looked at again. */
export function SubjectAppeal({ id }: { id: string }) {
  const client = useQueryClient()
  const [open, setOpen] = useState(false)
  const [reason, setReason] = useState('')
  const appeal = useMutation({
    mutationFn: () => appealAsSubject(id, reason.trim()),
    onSuccess: () => {
      noticeDone('Somebody else than the one who decided looks at it')
      setOpen(false)
      reportsChanged(client)
    },
  })
  if (!open) {
    return (
      <div>
        <Button variant="default" onClick={() => setOpen(true)}>
          Appeal as who answers for the service…
        </Button>
      </div>
    )
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (reason.trim()) appeal.mutate()
      }}
    >
      <Textarea
        label="Why should it be looked at again?"
        autosize
        minRows={2}
        autoFocus
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      {appeal.isError ? <ProblemNote error={appeal.error} what="The appeal was not sent" /> : null}
      <Group gap="xs" mt="xs">
        <Button type="submit" loading={appeal.isPending} disabled={!reason.trim()}>
          Send the appeal
        </Button>
        <Button variant="default" onClick={() => setOpen(false)}>
          Leave it
        </Button>
      </Group>
    </form>
  )
}
