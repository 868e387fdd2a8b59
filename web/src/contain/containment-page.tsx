import { useParams } from '@tanstack/react-router'
import { ContainmentDetail } from './containment-detail'

/** A containment on a page of its own, for links. */
export function ContainmentPage() {
  const { id } = useParams({ from: '/containments/$id' })
  return <ContainmentDetail key={id} id={id} />
}
