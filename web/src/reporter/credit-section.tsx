import { Button, Group, Switch, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Loading } from '../feedback/loading'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Section } from '../layout/page'
import { loadCredit, saveCredit, type Credit } from '../report/api'

/** Whether others may see who helped; nobody is shown who did not ask for it. */
export function CreditSection() {
  const found = useQuery({ queryKey: ['credit'], queryFn: () => loadCredit(), retry: false })
  return (
    <Section
      title="Credit"
      about="Off unless you turn it on. Then a name of your choice may stand among those who helped."
    >
      {found.isPending ? <Loading lines={1} /> : null}
      {found.isError ? <ProblemNote error={found.error} what="Credit" /> : null}
      {found.data ? <CreditForm credit={found.data} /> : null}
    </Section>
  )
}

function CreditForm({ credit }: { credit: Credit }) {
  const client = useQueryClient()
  const [shown, setShown] = useState(credit.shown)
  const [name, setName] = useState(credit.display_name ?? '')
  const save = useMutation({
    mutationFn: () => saveCredit({ shown, display_name: name.trim() || undefined }),
    onSuccess: (saved) => {
      client.setQueryData(['credit'], saved)
      noticeDone(shown ? 'You are shown by that name' : 'You are not shown')
    },
  })
  const same = shown === credit.shown && name.trim() === (credit.display_name ?? '')
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        save.mutate()
      }}
    >
      <Switch
        label="Show me among those who helped"
        checked={shown}
        onChange={(event) => setShown(event.currentTarget.checked)}
      />
      <Group align="end" gap="xs" mt="xs">
        <TextInput
          label="As"
          w={220}
          disabled={!shown}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" disabled={same || (shown && !name.trim())} loading={save.isPending}>
          Keep
        </Button>
      </Group>
      {save.isError ? <ProblemNote error={save.error} what="It was not kept" /> : null}
    </form>
  )
}
