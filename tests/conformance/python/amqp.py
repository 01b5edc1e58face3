"""Registers one device over AMQP with Qpid Proton's Python client and prints what came as JSON.

usage: amqp.py {none|EXTERNAL|ANONYMOUS|PLAIN} PORT ID_SCOPE REGISTRATION_ID CA_FILE {CERT_FILE KEY_FILE | TOKEN}
"""

import json
import sys

from proton import Message, SSLDomain, symbol
from proton.reactor import LinkOption
from proton.utils import BlockingConnection


class WithVersion(LinkOption):
    def apply(self, link):
        link.properties = {symbol("com.microsoft:api-version"): "2021-06-01"}


def main(mechanism, port, id_scope, registration_id, ca_file, *credential):
    address = f"{id_scope}/registrations/{registration_id}"
    domain = SSLDomain(SSLDomain.MODE_CLIENT)
    domain.set_trusted_ca_db(ca_file)
    domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME, ca_file)
    if mechanism == "none":
        options = {"sasl_enabled": False}
    else:
        options = {"allowed_mechs": mechanism}
    if mechanism == "PLAIN":
        options.update(user=address, password=credential[0])
    else:
        domain.set_credentials(credential[0], credential[1], None)
    connection = BlockingConnection(f"amqps://localhost:{port}", ssl_domain=domain, timeout=10, **options)
    receiver = connection.create_receiver(address, options=WithVersion(), credit=10)
    sender = connection.create_sender(address, options=WithVersion())

    def ask(message):
        sender.send(message)
        answer = receiver.receive(timeout=10)
        receiver.accept()
        return answer.correlation_id, json.loads(bytes(answer.body))

    register = {"iotdps-operation-type": "iotdps-register"}
    first, accepted = ask(Message(id="first", body=json.dumps({"registrationId": registration_id}).encode(), inferred=True, properties=register))
    status = {"iotdps-operation-type": "iotdps-get-operationstatus", "iotdps-operation-id": accepted["operationId"]}
    second, final = ask(Message(correlation_id=7, body="", properties=status))
    receiver.close()
    sender.close()
    connection.close()
    print(json.dumps({"correlation": [first, second], "status": final["status"], "deviceId": final["registrationState"]["deviceId"]}))


main(*sys.argv[1:])
