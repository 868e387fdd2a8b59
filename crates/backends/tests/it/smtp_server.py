"""A real mail server (aiosmtpd) for tests: keeps what it gets in a folder, and misbehaves if told to.

Prints its port when it listens, and ends when its standard input does.
"""

import argparse
import asyncio
import itertools
import pathlib
import ssl
import sys
import threading

from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("--dir", type=pathlib.Path, required=True)
parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
parser.add_argument("--certificate")
parser.add_argument("--key")
parser.add_argument("--sign-in", help="NAME:PASSWORD, without which no mail is taken")
# what it does that it should not, as often as told (each time if not)
parser.add_argument(
    "--mode",
    choices=["good", "silent", "refuse_recipient", "busy", "refuse_text", "hang_after", "drop_after"],
    default="good",
)
parser.add_argument("--times", type=int, default=1_000_000)
asked = parser.parse_args()

numbers = itertools.count(1)
left = itertools.chain(itertools.repeat(asked.mode, asked.times), itertools.repeat("good"))


class Keeper:
    """Keeps each mail as a file, before it says so."""

    def __init__(self):
        self.mode = "good"

    async def handle_MAIL(self, server, session, envelope, address, options):
        self.mode = next(left)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "451 4.3.2 come again later" if self.mode == "busy" else "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.mode == "refuse_recipient":
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.mode == "refuse_text":
            return "554 5.6.0 we do not like it"
        number = next(numbers)
        part = asked.dir / f"{number:06}.part"
        part.write_bytes(envelope.content)
        part.rename(asked.dir / f"{number:06}.eml")
        if self.mode == "hang_after":
            await asyncio.sleep(3_600)
        if self.mode == "drop_after":
            server.transport.abort()
            await asyncio.sleep(1)
        return f"250 2.0.0 kept as {number}"


def signed_in(server, session, envelope, mechanism, data):
    known = asked.sign_in.split(":", 1)
    good = [data.login.decode(), data.password.decode()] == known
    return AuthResult(success=good, handled=good)


async def silent(reader, writer):
    await asyncio.sleep(3_600)


async def main():
    context = None
    if asked.tls != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(asked.certificate, asked.key)

    def protocol():
        return SMTP(
            Keeper(),
            hostname="mail.example",
            enable_SMTPUTF8=False,
            tls_context=context if asked.tls == "starttls" else None,
            require_starttls=asked.tls == "starttls",
            authenticator=signed_in if asked.sign_in else None,
            auth_required=bool(asked.sign_in),
            auth_require_tls=asked.tls == "starttls",
        )

    if asked.mode == "silent":
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
    else:
        loop = asyncio.get_running_loop()
        implicit = context if asked.tls == "implicit" else None
        server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def ends_with_its_parent():
    sys.stdin.read()
    import os

    os._exit(0)


threading.Thread(target=ends_with_its_parent, daemon=True).start()
asyncio.run(main())
