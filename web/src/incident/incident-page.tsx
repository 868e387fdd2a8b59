import { ActionIcon, Tooltip } from '@mantine/core'
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useEffect, useMemo } from 'react'
import { useKeys } from '../layout/keys'
import { useLive } from '../layout/live'
import { useDesk } from './desk'
import { incidentQuery } from './incident'
import { IncidentDetail } from './incident-detail'
import classes from './incident.module.css'
import { neighboursOf, queueOrder, type Neighbours } from './neighbours'
import { isOpen } from './words'

export function IncidentPage() {
  const { id } = useParams({ from: '/incidents/$id' })
  const desk = useDesk()
  const navigate = useNavigate()
  const client = useQueryClient()
  const live = useLive()
  const incident = useQuery(incidentQuery(id)).data?.incident
  useEffect(
    () =>
      live.listen((change) => {
        if (change?.incident?.id === id) void client.invalidateQueries({ queryKey: ['incident', id] })
      }),
    [live, client, id],
  )
  // as it was when one came: the order does not change under the hand
  const order = useMemo(() => queueOrder(client, id), [client, id])
  const neighbours = neighboursOf(order, id)
  const go = (to: string | null | undefined) =>
    to ? void navigate({ to: '/incidents/$id', params: { id: to } }) : false
  useKeys(
    {
      n: () => go(neighbours?.next),
      p: () => go(neighbours?.before),
      a: () => (incident ? desk.take(incident) : false),
      e: () => (incident && isOpen(incident.status) ? desk.close(incident) : false),
      u: () => void navigate({ to: '/queue' }),
    },
    !desk.isAsking,
  )
  return (
    <>
      <IncidentDetail
        key={id}
        id={id}
        desk={desk}
        place={neighbours ? <Neighbouring at={neighbours} onGo={go} /> : null}
      />
      {desk.dialogs}
    </>
  )
}

/** Through the queue without going back to it. */
function Neighbouring({ at, onGo }: { at: Neighbours; onGo: (id: string | null) => unknown }) {
  return (
    <span className={classes.neighbours}>
      <span className="dim">
        {at.place} of {at.loaded}
      </span>
      <Tooltip label="Previous of the queue (p)">
        <ActionIcon aria-label="Previous of the queue" disabled={!at.before} onClick={() => onGo(at.before)}>
          <IconChevronLeft size={17} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label="Next of the queue (n)">
        <ActionIcon aria-label="Next of the queue" disabled={!at.next} onClick={() => onGo(at.next)}>
          <IconChevronRight size={17} />
        </ActionIcon>
      </Tooltip>
    </span>
  )
}
