import { Spotlight, type SpotlightActionData, type SpotlightActionGroupData } from '@mantine/spotlight'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useDeferredValue, useState } from 'react'
import { shortTitle } from '../incident/naming'
import { searchIncidents } from '../incident/search'
import { placesFor, REFERENCE } from './navigation'
import { shortcuts } from './shortcuts'
import { SeverityMark } from '../severity/severity-mark'
import { statusWord } from '../incident/words'
import { useSession } from '../session/use-session'

const QUERY_CHARS_MIN = 3

/** Ctrl-K: places, commands, incidents. */
export function Palette() {
  const navigate = useNavigate()
  const session = useSession()
  const [query, setQuery] = useState('')
  const text = useDeferredValue(query.trim())
  const found = useQuery({
    queryKey: ['palette', text],
    queryFn: ({ signal }) => searchIncidents(text, signal),
    enabled: text.length >= QUERY_CHARS_MIN,
    retry: false,
  })
  const incidents = (found.data ?? []).map((incident): SpotlightActionData => ({
    id: incident.id,
    label: shortTitle(incident.title),
    // so that what the server found by other fields is not filtered out here
    keywords: [text, incident.title],
    description: `${statusWord(incident.status)} · ${String(incident.findings)} findings · ${incident.id}`,
    leftSection: <SeverityMark severity={incident.severity} bare />,
    onClick: () => void navigate({ to: '/incidents/$id', params: { id: incident.id } }),
  }))
  const places = placesFor(session).map((place): SpotlightActionData => ({
    id: place.to,
    label: place.name,
    description: place.about,
    leftSection: <place.icon size={18} stroke={1.6} />,
    rightSection: <kbd className="dim mono">g {place.key}</kbd>,
    onClick: () => void navigate({ to: place.to }),
  }))
  const commands: SpotlightActionData[] = [
    {
      id: 'mine',
      label: 'My incidents',
      description: 'the queue, assigned to you',
      onClick: () => void navigate({ to: '/queue', search: { assignee: 'me' } }),
    },
    {
      id: 'untaken',
      label: 'Incidents that nobody has',
      onClick: () => void navigate({ to: '/queue', search: { assignee: 'nobody' } }),
    },
    {
      id: 'never',
      label: 'Rules that never matched',
      onClick: () => void navigate({ to: '/rules', search: { show: 'never' } }),
    },
    { id: 'report', label: 'Report something', onClick: () => location.assign('/report') },
    { id: 'keys', label: 'Keyboard shortcuts', onClick: shortcuts.open },
    { id: 'reference', label: REFERENCE.name, onClick: () => location.assign(REFERENCE.href) },
  ]
  const groups: SpotlightActionGroupData[] = [
    ...(incidents.length > 0 ? [{ group: 'Incidents', actions: incidents }] : []),
    { group: 'Go to', actions: places },
    { group: 'Commands', actions: commands },
  ]
  return (
    <Spotlight
      actions={groups}
      query={query}
      onQueryChange={setQuery}
      lockScroll={false}
      shortcut="mod + K"
      tagsToIgnore={[]}
      scrollable
      maxHeight={420}
      nothingFound={found.isFetching ? 'Searching…' : 'Nothing found'}
      searchProps={{ placeholder: 'An incident, a place, a command…', 'aria-label': 'Search and commands', size: 'md' }}
    />
  )
}
