import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { useState } from 'react'
import { ApiError } from './api/problem'
import { theme } from './layout/theme'
import { router } from './router'

const RETRIES_MAX = 3

function newClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        refetchOnWindowFocus: true,
        // what the server refuses it refuses again; what it could not do it may do in a moment
        retry: (failures, error) =>
          failures < RETRIES_MAX &&
          error instanceof ApiError &&
          (error.status === 0 || error.status >= 500 || error.status === 429),
      },
    },
  })
}

export function Console() {
  const [client] = useState(newClient)
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={client}>
        <Notifications position="bottom-right" />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  )
}
