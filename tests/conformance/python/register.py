"""Registers one device with the unmodified azure-iot-device SDK and prints the result as JSON.

usage: register.py {mqtt|mqtt-ws} HOST ID_SCOPE REGISTRATION_ID CERT_FILE KEY_FILE CA_FILE
"""

import json
import sys

from azure.iot.device import X509, ProvisioningDeviceClient


def main(transport, host, id_scope, registration_id, cert_file, key_file, ca_file):
    with open(ca_file, encoding="utf-8") as file:
        trusted = file.read()
    client = ProvisioningDeviceClient.create_from_x509_certificate(
        provisioning_host=host,
        registration_id=registration_id,
        id_scope=id_scope,
        x509=X509(cert_file, key_file),
        websockets=transport == "mqtt-ws",
        server_verification_cert=trusted,
    )
    client.provisioning_payload = {"from": "python"}
    try:
        result = client.register()
    except Exception as error:  # what it says is what the test looks at
        print(json.dumps({"error": type(error).__name__, "cause": str(error.__cause__)}))
        return
    state = result.registration_state
    print(
        json.dumps(
            {
                "operationId": result.operation_id,
                "status": result.status,
                "substatus": state.sub_status,
                "deviceId": state.device_id,
                "assignedHub": state.assigned_hub,
                "etag": state.etag,
            }
        )
    )


main(*sys.argv[1:])
