import { Button, Checkbox, Group, Menu, Modal, Text, TextInput } from '@mantine/core'
import { IconBookmark, IconChevronDown } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, callJson } from '../api/client'
import type { Page, SavedView } from '../api/pending'
import { isMissingRoute } from '../api/problem'
import { noticeDone, noticeError } from '../feedback/notices'
import { readFilters, writeFilters, type Filters } from './filters'

const GIVEN: { name: string; query: Record<string, string> }[] = [
  { name: 'Open', query: {} },
  { name: 'Mine', query: { assignee: 'me' } },
  { name: 'Nobody has them', query: { assignee: 'nobody' } },
  { name: 'Grave and untaken', query: { assignee: 'nobody', severity: 'critical,high' } },
  { name: 'Decided', query: { status: 'resolved,closed', order: 'updated' } },
]

/** Named filters, one's own and shared ones. */
export function Views({ filters, onChange }: { filters: Filters; onChange: (filters: Filters) => void }) {
  const [naming, setNaming] = useState(false)
  const client = useQueryClient()
  const views = useQuery({
    queryKey: ['views'],
    queryFn: () => callJson<Page<SavedView>>('GET', '/api/v1/views'),
    retry: false,
    staleTime: 60_000,
  })
  const saved = views.data?.items ?? []
  const now = new URLSearchParams(writeFilters(filters)).toString()
  const same = (query: Record<string, string>) =>
    new URLSearchParams(writeFilters(readFilters(query))).toString() === now
  const current = [...GIVEN, ...saved].find((view) => same(view.query))
  const remove = async (view: SavedView) => {
    try {
      await call('DELETE', `/api/v1/views/${view.id}`)
      await client.invalidateQueries({ queryKey: ['views'] })
    } catch (error) {
      noticeError('The view was not removed', error)
    }
  }
  return (
    <>
      <Menu position="bottom-start" width={260}>
        <Menu.Target>
          <Button
            variant="default"
            leftSection={<IconBookmark size={15} />}
            rightSection={<IconChevronDown size={14} />}
          >
            {current?.name ?? 'View'}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {GIVEN.map((view) => (
            <Menu.Item key={view.name} onClick={() => onChange(readFilters(view.query))}>
              {view.name}
            </Menu.Item>
          ))}
          {saved.length > 0 ? <Menu.Label>Saved</Menu.Label> : null}
          {saved.map((view) => (
            <Menu.Item
              key={view.id}
              onClick={() => onChange(readFilters(view.query))}
              rightSection={
                view.shared ? (
                  <Text className="dim" size="xs">
                    shared
                  </Text>
                ) : null
              }
            >
              {view.name}
            </Menu.Item>
          ))}
          <Menu.Divider />
          {isMissingRoute(views.error) ? (
            <Menu.Label>This server keeps no views; a bookmark of this page does the same.</Menu.Label>
          ) : (
            <Menu.Item onClick={() => setNaming(true)}>Save what is shown now…</Menu.Item>
          )}
          {saved
            .filter((view) => view.own && same(view.query))
            .map((view) => (
              <Menu.Item key={view.id} color="red" onClick={() => void remove(view)}>
                Remove “{view.name}”
              </Menu.Item>
            ))}
        </Menu.Dropdown>
      </Menu>
      <SaveDialog opened={naming} onClose={() => setNaming(false)} query={writeFilters(filters)} />
    </>
  )
}

function SaveDialog({
  opened,
  onClose,
  query,
}: {
  opened: boolean
  onClose: () => void
  query: Record<string, string>
}) {
  const [name, setName] = useState('')
  const [shared, setShared] = useState(false)
  const client = useQueryClient()
  const save = async (event: React.FormEvent) => {
    event.preventDefault()
    try {
      await call('POST', '/api/v1/views', { body: { name: name.trim(), query, shared } })
      await client.invalidateQueries({ queryKey: ['views'] })
      noticeDone(`Saved as “${name.trim()}”`)
      onClose()
      setName('')
    } catch (error) {
      noticeError('The view was not saved', error)
    }
  }
  return (
    <Modal opened={opened} onClose={onClose} title="Save this view" size="sm">
      <form onSubmit={(event) => void save(event)}>
        <TextInput label="Name" data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <Checkbox
          mt="sm"
          label="For everyone"
          checked={shared}
          onChange={(event) => setShared(event.currentTarget.checked)}
        />
        <Group justify="flex-end" mt="md">
          <Button type="submit" disabled={!name.trim()}>
            Save
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
