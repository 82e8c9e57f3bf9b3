import django.core.validators
import django.db.models.deletion
import releases.models.encrypted
from django.conf import settings
from django.db import migrations, models


def give_apps_a_cluster(apps, schema_editor):
    """Until now there was one: that of DEPLOYER_KUBECONFIG."""
    App, Cluster = apps.get_model("releases", "App"), apps.get_model("releases", "Cluster")
    if App.objects.exists():
        local = Cluster.objects.create(name="local", kind="embedded", is_default=True, by_label="system")
        App.objects.update(cluster=local)
        # PostgreSQL alters no table while a foreign key of it waits to be checked.
        schema_editor.connection.check_constraints()


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0002_replace_and_next'),
    ]

    operations = [
        migrations.CreateModel(
            name='Cluster',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('by_label', models.CharField(max_length=200)),
                ('name', models.CharField(max_length=63, unique=True, validators=[django.core.validators.RegexValidator('^[a-z0-9]([a-z0-9-]*[a-z0-9])?\\Z')])),
                ('kind', models.CharField(choices=[('embedded', 'Embedded'), ('in_cluster', 'In cluster'), ('kubeconfig', 'Kubeconfig')], max_length=20)),
                ('kubeconfig', releases.models.encrypted.SealedTextField(blank=True, default=releases.models.encrypted.Sealed, editable=False, help_text='of the kind kubeconfig; never shown again')),
                ('is_default', models.BooleanField(default=False, help_text='where a new app lives that names no cluster')),
                ('ingress_class', models.CharField(blank=True, help_text="blank: the cluster's default", max_length=253)),
                ('certificate_issuer', models.CharField(blank=True, help_text='a ClusterIssuer of cert-manager; blank: no certificates by itself', max_length=253)),
                ('storage_class', models.CharField(blank=True, help_text="blank: the cluster's default", max_length=253)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('version', models.CharField(blank=True, max_length=100)),
                ('problem', models.TextField(blank=True, help_text="why it can't be used, in a sentence; blank: it answers")),
                ('hint', models.TextField(blank=True, help_text='what to do about the problem')),
                ('problem_since', models.DateTimeField(null=True)),
                ('checked_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.AddConstraint(
            model_name='cluster',
            constraint=models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('is_default',), name='one_default_cluster'),
        ),
        migrations.AddField(
            model_name='app',
            name='cluster',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='apps', to='releases.cluster'),
        ),
        migrations.RunPython(give_apps_a_cluster, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='app',
            name='cluster',
            field=models.ForeignKey(on_delete=django.db.models.deletion.RESTRICT, related_name='apps', to='releases.cluster'),
        ),
    ]
