import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useKeys } from '../layout/keys'
import { useLive } from '../layout/live'
import { useDesk } from './desk'
import { incidentQuery } from './incident'
import { IncidentDetail } from './incident-detail'
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
  useKeys(
    {
      a: () => (incident ? desk.take(incident) : false),
      e: () => (incident && isOpen(incident.status) ? desk.close(incident) : false),
      u: () => void navigate({ to: '/queue' }),
    },
    !desk.isAsking,
  )
  return (
    <>
      <IncidentDetail key={id} id={id} desk={desk} />
      {desk.dialogs}
    </>
  )
}
