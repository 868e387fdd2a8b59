import { Alert, Button, Group, Modal, Text } from '@mantine/core'
import { principalName, useNameOf } from '../people/people'
import type { ApiError, OtherChange } from '../api/problem'
import type { Incident } from '../api/pending'
import { Instant } from '../time/instant'
import { compare, type Decision, type FieldConflict } from './decide'
import { statusWord, verdictWord } from './words'

export interface Refused {
  decision: Decision
  error: ApiError
}

/** Someone else was faster: both changes side by side, and nothing lost. */
export function ConflictDialog(props: {
  refused: Refused | null
  onClose: () => void
  onAgain: (decision: Decision) => void
}) {
  const { refused, onClose, onAgain } = props
  const name = useNameOf()
  if (!refused) return null
  const { decision, error } = refused
  const current = error.current as Incident
  const conflict = compare(decision.seen, decision.edit, current)
  const other: OtherChange | undefined = error.other
  const again = () => {
    onAgain({ seen: current, edit: decision.edit })
    onClose()
  }
  return (
    <Modal opened onClose={onClose} title="Someone else changed it first" size="lg">
      <Text>
        {other ? (
          <>
            <b>{principalName(other.by, name)}</b> changed this incident at <Instant ms={other.at_ms} />.
          </>
        ) : (
          <>
            It was changed at <Instant ms={current.updated_at_ms} />; its history says by whom.
          </>
        )}{' '}
        Your change was not made.
      </Text>
      <div className="scroll-x">
        <table className="table">
          <thead>
            <tr>
              <th>Field</th>
              <th>When you looked</th>
              <th>Now</th>
              <th>Yours</th>
            </tr>
          </thead>
          <tbody>
            {[...conflict.both, ...conflict.theirs, ...conflict.mine].map((row) => (
              <Row key={row.field} row={row} name={name} both={conflict.both.includes(row)} />
            ))}
          </tbody>
        </table>
      </div>
      {decision.edit.reason ? <Text mt="xs">Your reason stays with your change: “{decision.edit.reason}”</Text> : null}
      {conflict.both.length > 0 ? (
        <Alert mt="sm" color="red" variant="light" title="Both changed the same">
          Making yours replaces what stands there now. Their change stays in the history.
        </Alert>
      ) : null}
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onClose}>
          Leave it as it is now
        </Button>
        <Button onClick={again} data-autofocus>
          Make my change on top
        </Button>
      </Group>
    </Modal>
  )
}

function Row({ row, name, both }: { row: FieldConflict; name: (id: string) => string; both: boolean }) {
  const word = (value: string | null) => {
    if (value === null) return <span className="dim">none</span>
    if (row.field === 'status') return statusWord(value)
    if (row.field === 'verdict') return verdictWord(value)
    return row.field === 'assignee' ? name(value) : value
  }
  return (
    <tr>
      <td>
        {row.field}
        {both ? ' — both' : ''}
      </td>
      <td>{word(row.seen)}</td>
      <td>{word(row.theirs)}</td>
      <td>{word(row.mine)}</td>
    </tr>
  )
}
