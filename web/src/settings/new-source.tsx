import { Alert, Button, Group, Loader, Modal, Text, TextInput } from '@mantine/core'
import { IconCheck } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, unwrap } from '../api/client'
import { ask, cellText } from '../events/lake'
import { CopyBlock } from '../feedback/copy-block'
import { ProblemNote } from '../feedback/problem-note'
import { Instant } from '../time/instant'
import { freeName } from './name'
import { instructions, newSecret, senderOf, type SetUp } from './set-up'

interface Props {
  kind: string
  taken: string[]
  onClose: () => void
}

/** Makes a source and its token, says what to paste where, and waits for the first event. */
export function NewSource({ kind, taken, onClose }: Props) {
  const sender = senderOf(kind)
  const [name, setName] = useState(() => freeName(kind, taken))
  const client = useQueryClient()
  const make = useMutation({
    mutationFn: async (): Promise<SetUp> => {
      const secret = sender?.secret ? newSecret() : ''
      await unwrap(api.POST('/api/v1/sources', { body: { name, kind, ...(secret ? { secret } : {}) } }))
      const issued = await unwrap(api.POST('/api/v1/tokens', { body: { name, source: name } }))
      return { origin: location.origin, source: name, kind, token: issued.secret, secret }
    },
    onSettled: () => void client.invalidateQueries({ queryKey: ['sources'] }),
  })
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Connect ${sender?.name ?? kind}`}
      size="lg"
      closeOnClickOutside={!make.data}
    >
      {make.data ? (
        <Ready setUp={make.data} onClose={onClose} />
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            make.mutate()
          }}
        >
          <TextInput
            label="Name"
            description="Stands in every event, and in the address that records are sent to."
            data-autofocus
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={taken.includes(name) ? 'There is a source of this name' : null}
          />
          {make.isError ? <ProblemNote error={make.error} what="The source" /> : null}
          <Group justify="flex-end" mt="md">
            <Button type="submit" loading={make.isPending} disabled={!name.trim() || taken.includes(name)}>
              Make it
            </Button>
          </Group>
        </form>
      )}
    </Modal>
  )
}

function Ready({ setUp, onClose }: { setUp: SetUp; onClose: () => void }) {
  return (
    <>
      <Alert variant="light" mb="sm" title="The secret is shown this once">
        It is kept as a hash. Closed too early? Make another token under Tokens.
      </Alert>
      {instructions(setUp).map(({ label, text }) => (
        <div key={label}>
          <Text mt="sm" mb={4} fw={600}>
            {label}
          </Text>
          <CopyBlock text={text} label={label} />
        </div>
      ))}
      <FirstEvent source={setUp.source} />
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onClose}>
          Done
        </Button>
      </Group>
    </>
  )
}

const ASK_EVERY_MS = 2_000

/** Asks until the first event is there. */
function FirstEvent({ source }: { source: string }) {
  const first = useQuery({
    queryKey: ['first-event', source],
    queryFn: async ({ signal }) => {
      const sql = 'SELECT min(received_at) AS first, count(*) AS n FROM events WHERE source = $1'
      const [row] = (await ask({ sql, parameters: [source] }, signal)).rows
      return row && Number(row[1]) > 0 ? Date.parse(cellText(row[0])) : null
    },
    refetchInterval: (query) => (query.state.data ? false : ASK_EVERY_MS),
  })
  return (
    <Group mt="lg" gap="sm" role="status" data-testid="first-event">
      {first.data ? (
        <>
          <IconCheck size={20} color="var(--hc-good)" aria-hidden />
          <Text fw={600}>
            First event ✓ <Instant ms={first.data} />
          </Text>
          <Link to="/events" search={{ source }}>
            Look at it
          </Link>
        </>
      ) : (
        <>
          <Loader size="xs" />
          <Text>
            Waiting for the first event. Nothing after a minute? See <Link to="/dead-letters">dead letters</Link>: what
            came in and could not be read is there, with the reason.
          </Text>
        </>
      )}
    </Group>
  )
}
