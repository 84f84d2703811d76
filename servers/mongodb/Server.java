// A server that speaks MongoDB's protocol, for tests: `java -cp 'LIBRARIES/*' Server.java PORT FILE`.
//
// mongo-java-server compares and replaces a document in one step, as MongoDB does. Here it keeps its data in FILE, and an
// answer goes out only when what it tells of has been written there, so that nothing acknowledged is lost to kill -9.
//
// It looks up in an index only what asks for the index's fields and for nothing else, and reads the whole collection for
// anything else: for a comparison beside `_id`, for a range of `_id`. MongoDB does neither, and here it does not either.
// What matches is decided as before, by all of the filter on each document that was looked up.
import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Collection;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;

public class Server {
    /** Not a field of those below, which begin to work before their own fields are set. */
    static MVStore file;

    public static void main(String[] arguments) {
        file = new MVStore.Builder().fileName(arguments[1]).autoCommitDisabled().open();
        var backend = new H2Backend(file) {
            @Override
            public synchronized Document handleMessage(MongoMessage message) {
                var answer = super.handleMessage(message);
                commit();
                return answer;
            }

            @Override
            protected MongoDatabase openOrCreateDatabase(String name) {
                return new Database(name, getCursorRegistry());
            }
        };
        backend.version(new Oldest());
        new MongoServer(backend).bind("127.0.0.1", Integer.parseInt(arguments[0]));
    }

    static class Database extends H2Database {
        Database(String name, CursorRegistry cursors) {
            super(name, file, cursors);
        }

        @Override
        protected MongoCollection<Object> openOrCreateCollection(String name, CollectionOptions options) {
            var whole = getDatabaseName() + "." + name;
            MVMap<Object, Document> documents = file.openMap("databases." + whole);
            return new Sorted(this, name, options, documents, file.openMap("meta." + whole), cursorRegistry);
        }
    }

    /** A collection that looks up by `_id` whatever else is asked for, where that is a string, some or a range. */
    static class Sorted extends H2Collection {
        private final MVMap<Object, Document> documents;

        Sorted(MongoDatabase database, String name, CollectionOptions options, MVMap<Object, Document> documents,
               MVMap<String, Object> meta, CursorRegistry cursors) {
            super(database, name, options, documents, meta, cursors);
            this.documents = documents;
        }

        @Override
        protected QueryResult queryDocuments(Document query, Document order, int skip, int limit, int batch, Document fields) {
            var places = "_id".equals(getIdField()) ? places(query.get("_id")) : null;
            if (places == null) {
                return super.queryDocuments(query, order, skip, limit, batch, fields);
            }
            var sorted = order != null && order.keySet().equals(Set.of("_id")) && order.get("_id").equals(1);
            return matchDocuments(query, places::iterator, sorted ? null : order, skip, limit, batch, fields);
        }

        /** Where documents may be whose `_id` is so, in order; null if that is not known. */
        private Stream<Object> places(Object id) {
            if (id instanceof String) {
                return Stream.of(id).filter(documents::containsKey);
            }
            if (!(id instanceof Document) || ((Document) id).isEmpty()) {
                return null;
            }
            var asked = (Document) id;
            if (asked.keySet().equals(Set.of("$in"))) {
                var several = (Collection<?>) asked.get("$in");
                var strings = several.stream().allMatch(one -> one instanceof String);
                return strings ? new TreeSet<Object>(several).stream().filter(documents::containsKey) : null;
            }
            var ranges = Set.of("$gt", "$gte", "$lt", "$lte").containsAll(asked.keySet());
            if (!ranges || !asked.values().stream().allMatch(bound -> bound instanceof String)) {
                return null;
            }
            var from = asked.getOrDefault("$gte", asked.getOrDefault("$gt", ""));
            var to = (String) asked.getOrDefault("$lte", asked.get("$lt"));
            Iterator<Object> keys = documents.keyIterator(from);
            return StreamSupport.stream(((Iterable<Object>) () -> keys).spliterator(), false)
                .takeWhile(key -> key instanceof String && (to == null || ((String) key).compareTo(to) <= 0));
        }
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
