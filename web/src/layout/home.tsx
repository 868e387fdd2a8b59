import { Navigate } from '@tanstack/react-router'
import { useSession } from '../session/use-session'
import { placesFor } from './navigation'

/** The first place that one may enter; it is shown inside of the shell, so that who one is is known. */
export function Home() {
  const first = placesFor(useSession())[0]
  return <Navigate to={first?.to ?? '/my-reports'} replace />
}
