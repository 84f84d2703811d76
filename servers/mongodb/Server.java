// A server that speaks MongoDB's protocol, for tests: `java -cp 'LIBRARIES/*' Server.java PORT FILE`.
//
// mongo-java-server compares and replaces a document in one step, as MongoDB does. Here it keeps its data in FILE, and an
// answer goes out only when what it tells of has been written there, so that nothing acknowledged is lost to kill -9.
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;
import org.h2.mvstore.MVStore;

public class Server {
    public static void main(String[] arguments) {
        var file = new MVStore.Builder().fileName(arguments[1]).autoCommitDisabled().open();
        var backend = new H2Backend(file) {
            @Override
            public synchronized Document handleMessage(MongoMessage message) {
                var answer = super.handleMessage(message);
                commit();
                return answer;
            }
        };
        backend.version(new Oldest());
        new MongoServer(backend).bind("127.0.0.1", Integer.parseInt(arguments[0]));
    }

    /** The oldest version that the Rust driver speaks to; nothing that Stayput asks for is newer. */
    static class Oldest implements MongoVersion {
        public List<Integer> getVersionArray() {
            return List.of(4, 4, 0, 0);
        }

        public int getWireVersion() {
            return 9;
        }
    }
}
