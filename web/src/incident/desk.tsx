import { Button, Group, Modal, TextInput } from '@mantine/core'
import { useState } from 'react'
import { noticeDone, noticeError } from '../feedback/notices'
import { useOwnName } from '../people/people'
import type { Incident } from '../api/pending'
import { ConflictDialog, type Refused } from './conflict-dialog'
import { reverse, useDecide, type Edit } from './decide'
import { notifications } from '@mantine/notifications'
import { VerdictPicker } from './verdict-picker'
import { statusWord, verdictWord } from './words'

/** Everything a person does to one incident at a time, with its dialogs; the same in the queue and on its page. */
export function useDesk({ onClosed }: { onClosed?: (id: string) => void } = {}) {
  const [refused, setRefused] = useState<Refused | null>(null)
  const [closing, setClosing] = useState<Incident | null>(null)
  const [naming, setNaming] = useState<Incident | null>(null)
  const { own, setOwn } = useOwnName()
  const mutation = useDecide({
    onDone: (incident, { seen, edit }) => offerUndo(incident, edit, reverse(seen, edit)),
    onConflict: (decision, error) => setRefused({ decision, error }),
    onError: (error) => noticeError('The change was not made', error),
  })
  const decide = (seen: Incident, edit: Edit) => mutation.mutate({ seen, edit })
  const offerUndo = (incident: Incident, edit: Edit, back: Edit | null) => {
    if (edit.reason === back?.reason || !back) return
    const id = `undo-${incident.id}`
    const undo = () => {
      notifications.hide(id)
      decide(incident, back)
    }
    notifications.show({ id, color: 'indigo', autoClose: 8_000, message: <Undo text={said(edit)} onUndo={undo} /> })
  }
  const take = (incident: Incident) => {
    if (own) decide(incident, { assignee: own, ...(incident.status === 'new' ? { status: 'in_progress' } : {}) })
    else setNaming(incident)
  }
  const dialogs = (
    <>
      <VerdictPicker
        opened={closing !== null}
        what={closing?.title ?? ''}
        onClose={() => setClosing(null)}
        onChoose={(verdict, reason) => {
          if (!closing) return
          decide(closing, { status: 'closed', verdict, reason: reason || undefined })
          onClosed?.(closing.id)
        }}
      />
      <ConflictDialog
        refused={refused}
        onClose={() => setRefused(null)}
        onAgain={(decision) => mutation.mutate(decision)}
      />
      <NameDialog
        incident={naming}
        onClose={() => setNaming(null)}
        onName={(incident, name) => {
          setOwn(name)
          decide(incident, { assignee: name, ...(incident.status === 'new' ? { status: 'in_progress' } : {}) })
        }}
      />
    </>
  )
  return {
    decide,
    take,
    close: setClosing,
    busy: mutation.isPending,
    dialogs,
    isAsking: closing !== null || refused !== null || naming !== null,
  }
}

export type Desk = ReturnType<typeof useDesk>

function said(edit: Edit): string {
  if (edit.verdict) return `Closed as ${verdictWord(edit.verdict).toLowerCase()}`
  if (edit.assignee) return 'Taken'
  if (edit.assignee === null) return 'Given back'
  if (edit.status) return `Now ${statusWord(edit.status).toLowerCase()}`
  return 'Changed'
}

function Undo({ text, onUndo }: { text: string; onUndo: () => void }) {
  return (
    <Group justify="space-between" wrap="nowrap">
      <span>{text}</span>
      <Button variant="subtle" onClick={onUndo}>
        Undo
      </Button>
    </Group>
  )
}

function NameDialog(props: {
  incident: Incident | null
  onClose: () => void
  onName: (incident: Incident, name: string) => void
}) {
  const [name, setName] = useState('')
  const { incident, onClose, onName } = props
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    if (!incident || !name.trim()) return
    onName(incident, name.trim())
    onClose()
    noticeDone('This browser remembers your name')
  }
  return (
    <Modal opened={incident !== null} onClose={onClose} title="Who are you?" size="sm">
      <form onSubmit={submit}>
        <TextInput
          label="Name or address"
          description="A token speaks for you here, and a token has no name of its own."
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Group justify="flex-end" mt="md">
          <Button type="submit">Take the incident</Button>
        </Group>
      </form>
    </Modal>
  )
}
