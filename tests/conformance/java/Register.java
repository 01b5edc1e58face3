// Registers one device with the unmodified provisioning device SDK for Java and prints the result as JSON.
// usage: Register PROTOCOL HOST ID_SCOPE REGISTRATION_ID {x509 CHAIN.pem KEY.pem | key BASE64}
import com.google.gson.Gson;
import com.microsoft.azure.sdk.iot.provisioning.device.AdditionalData;
import com.microsoft.azure.sdk.iot.provisioning.device.ProvisioningDeviceClient;
import com.microsoft.azure.sdk.iot.provisioning.device.ProvisioningDeviceClientTransportProtocol;
import com.microsoft.azure.sdk.iot.provisioning.security.SecurityProvider;
import com.microsoft.azure.sdk.iot.provisioning.security.SecurityProviderSymmetricKey;
import com.microsoft.azure.sdk.iot.provisioning.security.SecurityProviderX509;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyFactory;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public final class Register {
    private static final class Chain extends SecurityProviderX509 {
        private final String name;
        private final List<X509Certificate> certificates = new ArrayList<>();
        private final Key key;

        Chain(String name, String chainFile, String keyFile) throws Exception {
            this.name = name;
            var bytes = new ByteArrayInputStream(Files.readAllBytes(Path.of(chainFile)));
            for (var each : CertificateFactory.getInstance("X.509").generateCertificates(bytes)) certificates.add((X509Certificate) each);
            var pem = Files.readString(Path.of(keyFile)).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
            key = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        }

        @Override public String getClientCertificateCommonName() { return name; }
        @Override public X509Certificate getClientCertificate() { return certificates.get(0); }
        @Override public Key getClientPrivateKey() { return key; }
        @Override public Collection<X509Certificate> getIntermediateCertificatesChain() { return certificates.subList(1, certificates.size()); }
    }

    public static void main(String[] arguments) throws Exception {
        SecurityProvider security = arguments[4].equals("x509")
            ? new Chain(arguments[3], arguments[5], arguments[6])
            : new SecurityProviderSymmetricKey(arguments[5].getBytes(StandardCharsets.UTF_8), arguments[3]);
        var client = ProvisioningDeviceClient.create(arguments[1], arguments[2], ProvisioningDeviceClientTransportProtocol.valueOf(arguments[0]), security);
        var payload = new AdditionalData();
        payload.setProvisioningPayload("{\"from\":\"java\"}");
        Map<String, String> out = new HashMap<>();
        try {
            var result = client.registerDeviceSync(payload);
            out.put("status", String.valueOf(result.getProvisioningDeviceClientStatus()));
            out.put("substatus", String.valueOf(result.getSubstatus()));
            out.put("deviceId", result.getDeviceId());
            out.put("assignedHub", result.getIothubUri());
            out.put("etag", result.getETag());
        } catch (Exception error) {  // what it says is what the test looks at
            out.put("error", error.getClass().getSimpleName());
            var text = new StringBuilder();
            for (Throwable at = error; at != null; at = at.getCause()) text.append(at).append('\n');
            out.put("cause", text.toString());
        }
        System.out.println(new Gson().toJson(out));
        System.exit(0);  // its threads would go on
    }
}
