// Writes, reads, changes, lists and deletes enrollments with the unmodified provisioning service SDK for Java, and prints
// what it saw as JSON. usage: Enroll CONNECTION_STRING LEAF.pem ROOT.pem
import com.google.gson.Gson;
import com.microsoft.azure.sdk.iot.provisioning.service.ProvisioningServiceClient;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.BulkOperationMode;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.DeviceCapabilities;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.EnrollmentGroup;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.IndividualEnrollment;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.ProvisioningStatus;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.QuerySpecificationBuilder;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.QuerySpecificationBuilder.FromType;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.SymmetricKeyAttestation;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.TwinCollection;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.TwinState;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.X509Attestation;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

public final class Enroll {
    private static String thumbprint(IndividualEnrollment enrollment) throws Exception {
        return ((X509Attestation) enrollment.getAttestation()).getPrimaryX509CertificateInfo().getSha256Thumbprint();
    }

    public static void main(String[] arguments) throws Exception {
        var client = new ProvisioningServiceClient(arguments[0]);
        var leaf = Files.readString(Path.of(arguments[1]));
        Map<String, Object> out = new LinkedHashMap<>();

        var individual = new IndividualEnrollment("java-one", X509Attestation.createFromClientCertificates(leaf));
        individual.setDeviceId("Java_One");
        var capabilities = new DeviceCapabilities();
        capabilities.setIotEdge(true);
        individual.setCapabilities(capabilities);
        var tags = new TwinCollection();
        tags.put("site", "north");
        individual.setInitialTwin(new TwinState(tags, null));
        client.createOrUpdateIndividualEnrollment(individual);
        var read = client.getIndividualEnrollment("java-one");
        out.put("deviceId", read.getDeviceId());
        out.put("edge", read.getCapabilities().isIotEdge());
        out.put("site", read.getInitialTwin().getTags().get("site"));
        out.put("thumbprint", thumbprint(read));
        read.setProvisioningStatus(ProvisioningStatus.DISABLED);
        var changed = client.createOrUpdateIndividualEnrollment(read);
        out.put("changed", changed.getProvisioningStatus() + " " + thumbprint(changed));
        try {
            client.createOrUpdateIndividualEnrollment(read);
            out.put("stale", "taken");
        } catch (Exception error) {
            out.put("stale", error.getClass().getSimpleName());
        }

        var key = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
        client.createOrUpdateIndividualEnrollment(new IndividualEnrollment("java-two", new SymmetricKeyAttestation(key, key)));
        var mechanism = (SymmetricKeyAttestation) client.getIndividualEnrollmentAttestationMechanism("java-two").getAttestation();
        out.put("key", mechanism.getPrimaryKey().equals(key));

        List<IndividualEnrollment> several = new ArrayList<>();
        for (var name : List.of("java-three", "java-four")) several.add(new IndividualEnrollment(name, new SymmetricKeyAttestation(key, key)));
        out.put("bulk", client.runBulkEnrollmentOperation(BulkOperationMode.CREATE, several).getSuccessful());
        var again = client.runBulkEnrollmentOperation(BulkOperationMode.CREATE, several);
        out.put("bulkAgain", again.getSuccessful() + " " + again.getErrors().get(0).getRegistrationId());

        List<String> listed = new ArrayList<>();
        int pages = 0;
        var query = client.createIndividualEnrollmentQuery(new QuerySpecificationBuilder("*", FromType.ENROLLMENTS).createSqlQuery(), 1);
        for (; query.hasNext() && pages < 20; ++pages)
            for (var item : query.next().getItems()) listed.add(((IndividualEnrollment) item).getRegistrationId());
        out.put("listed", listed);
        out.put("pages", pages);
        for (var name : listed) client.deleteIndividualEnrollment(name);

        client.createOrUpdateEnrollmentGroup(new EnrollmentGroup("java-group", X509Attestation.createFromRootCertificates(Files.readString(Path.of(arguments[2])))));
        out.put("group", client.getEnrollmentGroup("java-group").getAllocationPolicy().toString());
        client.deleteEnrollmentGroup("java-group");
        try {
            client.getEnrollmentGroup("java-group");
            out.put("gone", "there");
        } catch (Exception error) {
            out.put("gone", error.getClass().getSimpleName());
        }
        System.out.println(new Gson().toJson(out));
    }
}
