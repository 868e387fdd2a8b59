// A real OpenID Connect provider (oidc-provider) on loopback, for the tests of signing in. It signs in whoever
// `/test/account` names, asks nobody, and exchanges its keys at `/test/rotate`. HUECRY_URL is the server under test.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const huecry = process.env.HUECRY_URL;
const accounts = {
  ana: { name: 'Ana Ops', email: 'ana@example.com', groups: ['sec-oncall', 'payments'] },
  eve: { name: 'Eve Elsewhere', email: 'eve@example.com', groups: ['marketing'] },
};
let account = 'ana';
let callback;

function key(kid) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}

function provider(issuer, kid) {
  const made = new Provider(issuer, {
    clients: [{
      client_id: 'huecry',
      client_secret: 'a-secret-of-the-test',
      redirect_uris: [`${huecry}/auth/oidc/op/callback`],
      backchannel_logout_uri: `${huecry}/auth/oidc/op/backchannel-logout`,
      backchannel_logout_session_required: true,
    }],
    jwks: { keys: [key(kid)] },
    cookies: { keys: ['of-the-test'] },
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], profile: ['name'], email: ['email'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'email', 'groups'],
    pkce: { required: () => true },
    // the server under test is on loopback, which the provider would not ask by itself
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts[id] }) }),
  });
  return made;
}

async function interact(op, req, res) {
  const { prompt, params, session } = await op.interactionDetails(req, res);
  if (prompt.name === 'login') {
    return op.interactionFinished(req, res, { login: { accountId: account } });
  }
  const grant = new op.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid profile email groups');
  return op.interactionFinished(req, res, { consent: { grantId: await grant.save() } });
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url, 'http://127.0.0.1');
  try {
    if (url.pathname === '/test/account') {
      account = url.searchParams.get('name');
      res.end('ok');
    } else if (url.pathname === '/test/rotate') {
      current = provider(issuer, 'second');
      callback = current.callback();
      res.end('ok');
    } else if (url.pathname.startsWith('/interaction/')) {
      await interact(current, req, res);
    } else {
      callback(req, res);
    }
  } catch (error) {
    res.statusCode = 500;
    res.end(String(error.stack));
  }
});
let issuer;
let current;
server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  current = provider(issuer, 'first');
  callback = current.callback();
  console.log(`listening ${issuer}`);
});
// ends with the test that started it
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
